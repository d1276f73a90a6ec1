"""What a trained LeNet-5 looks like: the pictures of the main job."""

import numpy as np


def draw(net, test, result, history, output, augment):
    """Write the pictures; yields the path of each. Raises ImportError without matplotlib."""
    from minicnn import plots

    host = net.backend.to_numpy
    yield plots.learning_curves(history, output / "learning_curves.png", "LeNet-5 learns to read digits")
    yield plots.confusion_matrix(result.confusion, output / "confusion_matrix.png")
    c1, c3 = net["C1"], net["C3"]
    yield plots.filters(host(c1.dense_weight()), output / "filters_c1.png", "C1: the kernel of each map")
    yield plots.filters(host(c3.dense_weight()), output / "filters_c3.png",
                        "C3: a kernel for each connection of Table I", connections=c3.table)  # fmt: skip

    image, label = example_digit(test, result)
    x = net.input(image)
    stages, outputs = [("input", host(x)[..., 0])], {}
    for layer in net:
        x = layer.forward(x)
        outputs[layer.name] = host(x)[..., 0]
    stages += [(name, outputs[f"{name} squash"]) for name in ("C1", "S2", "C3", "S4", "C5", "F6")]
    stages.append(("output", outputs["output"]))
    yield plots.feature_maps(stages, output / "feature_maps.png", f"LeNet-5 looks at a{'n' * (label == 8)} {label}")
    yield plots.prototype(outputs["F6 squash"], host(net["output"].prototypes), outputs["output"], label,
                          output / "f6_and_prototype.png")  # fmt: skip
    if augment is not None:
        yield plots.distortions(image[0], augment, output / "distortions.png")
    yield plots.misclassified(test.images, test.labels, result.predictions, output / "misclassified.png")


def example_digit(test, result, digit=3):
    """(image, label): of the 3s that are read rightly, the most typical one, nearest to the mean of them all."""
    right = np.flatnonzero((test.labels == digit) & (result.predictions == digit))
    if not len(right):
        return test.images[:1], int(test.labels[0])
    threes = test.images[right].astype("float32")
    best = right[np.square(threes - threes.mean(axis=0)).sum(axis=(1, 2)).argmin()]
    return test.images[best : best + 1], digit
