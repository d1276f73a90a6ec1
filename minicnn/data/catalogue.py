"""The data sets that can be asked for by name: what they hold, where they are published, and how their files are known.

Digests are of what the publisher sends, as recorded by others: SHA-256 by TensorFlow Datasets
(``tensorflow_datasets/url_checksums/``) and, for Fashion-MNIST, Keras; MD5 by torchvision
(``torchvision/datasets/mnist.py``). Of QMNIST's images only an MD5 is known, which tells a damaged file but not a
forged one; the SHA-256 of its labels are of the files in its repository, which have torchvision's MD5. The files inside
EMNIST's archive have no published digests: the archive is checked when it comes, its files in the cache from then on by
gzip's own checksum, their shapes and their labels.
"""

import math
from dataclasses import dataclass

from minicnn.data.classes import DIGITS, class_names


@dataclass(frozen=True)
class File:
    """An IDX file: its name without .gz, the shape of its array, and a digest "sha256:..." or "md5:...".

    archived: whether the digest is of the .gz file rather than of its contents; element: bytes of a number.
    """

    name: str
    shape: tuple
    digest: str | None = None
    archived: bool = True
    element: int = 1

    @property
    def most(self):
        """As many bytes as the file may have, raw or gzip, which can make it a little longer."""
        size = 4 + 4 * len(self.shape) + self.element * math.prod(self.shape)
        return size + size // 50 + 1024


@dataclass(frozen=True)
class Archive:
    """A zip file that holds the files of several data sets in ``folder``; it is fetched once for all of them."""

    name: str
    size: int
    digest: str
    folder: str


@dataclass(frozen=True)
class Published:
    """A data set as its authors publish it.

    name: as it is asked for; title: as it is called; mirrors: addresses, each with a / at its end; files: training
    images and labels, test images and labels; subfolder: of the cache. archive: what its files must be taken from.
    transposed: whether rows and columns of its images are exchanged; first_label: the number of its first class;
    authors: whose it is, and their licence.
    """

    name: str
    title: str
    classes: tuple
    mirrors: tuple
    files: tuple
    subfolder: str = ""
    archive: Archive | None = None
    transposed: bool = False
    first_label: int = 0
    authors: str = ""


def _mnists(shapes, digests, archived=True):
    """The four files as MNIST's are called."""
    names = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
    return tuple(File(name, shape, digest, archived) for name, shape, digest in zip(names, shapes, digests))


def _images_and_labels(training, test):
    return (training, 28, 28), (training,), (test, 28, 28), (test,)


MNIST = Published(
    "mnist", "MNIST", DIGITS,
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    # of the contents, since archives of equal contents differ
    _mnists(_images_and_labels(60_000, 10_000), (
        "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ), archived=False),
    authors="LeCun, Cortes, Burges; CC BY-SA 3.0",
)  # fmt: skip

FASHION_MNIST = Published(
    "fashion-mnist", "Fashion-MNIST",
    ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
     "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
     "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
    _mnists(_images_and_labels(60_000, 10_000), (
        "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    )),
    subfolder="fashion-mnist", authors="Zalando; MIT",
)  # fmt: skip

KMNIST = Published(
    "kmnist", "KMNIST", ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/", "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"),
    _mnists(_images_and_labels(60_000, 10_000), (
        "sha256:51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        "sha256:e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        "sha256:edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        "sha256:20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    )),
    subfolder="kmnist", authors="ROIS-DS Center for Open Data in the Humanities; CC BY-SA 4.0",
)  # fmt: skip

QMNIST = Published(
    "qmnist", "QMNIST", DIGITS,
    ("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",),
    (  # labels: the class and seven numbers on where each digit comes from
        File("qmnist-train-images-idx3-ubyte", (60_000, 28, 28), "md5:ed72d4157d28c017586c42bc6afe6370"),
        File("qmnist-train-labels-idx2-int", (60_000, 8),
             "sha256:2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f", element=4),
        File("qmnist-test-images-idx3-ubyte", (60_000, 28, 28), "md5:1394631089c404de565df7b7aeaf9412"),
        File("qmnist-test-labels-idx2-int", (60_000, 8),
             "sha256:9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06", element=4),
    ),
    subfolder="qmnist", authors="Facebook; BSD",
)  # fmt: skip

EMNIST_ARCHIVE = Archive(
    "gzip.zip", 561_753_746, "sha256:fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e", "gzip"
)

CAPITALS = class_names("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _emnist(part, classes, training, test, first_label=0):
    shapes = _images_and_labels(training, test)
    kinds = "train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1"
    names = [f"emnist-{part}-{kind}-ubyte" for kind in kinds]
    return Published(
        f"emnist-{part}", f"EMNIST {part}", classes,
        ("https://biometrics.nist.gov/cs_links/EMNIST/", "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/"),
        tuple(File(name, shape) for name, shape in zip(names, shapes)),
        subfolder="emnist", archive=EMNIST_ARCHIVE, transposed=True, first_label=first_label,
        authors="Cohen, Afshar, Tapson, van Schaik",
    )  # fmt: skip


SETS = {
    data_set.name: data_set
    for data_set in (
        MNIST, FASHION_MNIST, KMNIST, QMNIST,
        # letters whose small and capital forms look alike are one class, under its capital
        _emnist("balanced", (*DIGITS, *CAPITALS, *"abdefghnqrt"), 112_800, 18_800),
        _emnist("letters", CAPITALS, 124_800, 20_800, first_label=1),
        _emnist("digits", DIGITS, 240_000, 40_000),
    )
}  # fmt: skip
"""{name: Published}."""
