"""What a trained LeNet-5 looks like: the pictures of the main job."""

import numpy as np


def draw(net, test, result, history, output, augment):
    """Write the pictures; yields the path of each. Raises ImportError without matplotlib."""
    from minicnn import plots

    host = net.backend.to_numpy
    classes, what = test.classes, f"test images of {test.name}"
    yield plots.learning_curves(history, output / "learning_curves.png", f"LeNet-5 learns {test.name}")
    yield plots.confusion_matrix(result.confusion, output / "confusion_matrix.png", classes, what)
    c1, c3 = net["C1"], net["C3"]
    yield plots.filters(host(c1.dense_weight()), output / "filters_c1.png", "C1: the kernel of each map")
    yield plots.filters(host(c3.dense_weight()), output / "filters_c3.png",
                        "C3: a kernel for each connection of Table I", connections=c3.table)  # fmt: skip

    image, label = example(test, result)
    x = net.input(image)
    stages, outputs = [("input", host(x)[..., 0])], {}
    for layer in net:
        x = layer.forward(x)
        outputs[layer.name] = host(x)[..., 0]
    stages += [(name, outputs[f"{name} squash"]) for name in ("C1", "S2", "C3", "S4", "C5", "F6")]
    stages.append(("output", outputs["output"]))
    title = f"LeNet-5 looks at an image of {test.name}: {classes[label]}"
    yield plots.feature_maps(stages, output / "feature_maps.png", title, classes=classes)
    yield plots.prototype(outputs["F6 squash"], host(net["output"].prototypes), outputs["output"], label,
                          output / "f6_and_prototype.png", classes)  # fmt: skip
    if augment is not None:
        yield plots.distortions(image[0], augment, output / "distortions.png")
    yield plots.misclassified(test.images, test.labels, result.predictions, output / "misclassified.png", classes, what)


def example(test, result, label=3):
    """(image, label): of the 3s that are read rightly, the most typical one, nearest to the mean of them all.

    label: of which class, or else the last one. Where none is read rightly, the first image of all.
    """
    label = min(label, len(test.classes) - 1)
    right = np.flatnonzero((test.labels == label) & (result.predictions == label))
    if not len(right):
        return test.images[:1], int(test.labels[0])
    alike = test.images[right].astype("float32")
    best = right[np.square(alike - alike.mean(axis=0)).sum(axis=(1, 2)).argmin()]
    return test.images[best : best + 1], label
