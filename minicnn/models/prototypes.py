"""The ten stylised digits that LeNet-5's F6 layer is trained to draw, 7 pixels wide and 12 high."""

import numpy as np

# After figure 3 of LeCun et al. 1998, stray marks above 0, 2, 4 and 5 removed; '#' is ink.
DRAWINGS = """
    .......  ...##..  .......  #######  .......
    .......  ..###..  .......  .....##  .......
    ..###..  .####..  .#####.  ....##.  .......
    .##.##.  ...##..  ##...##  ...##..  .##..##
    ##...##  ...##..  #....##  ..####.  .##..##
    ##...##  ...##..  ....##.  .....##  ###..##
    ##...##  ...##..  ..###..  .....##  ##...##
    ##...##  ...##..  .##....  .....##  ##...##
    .##.##.  ...##..  ##.....  ##...##  ##..###
    ..###..  .######  #######  .#####.  .######
    .......  .......  .......  .......  .....##
    .......  .......  .......  .......  .....##

    .......  ..####.  #######  .#####.  .#####.
    .......  .##....  .....##  ##...##  ##..###
    #######  ##.....  .....##  ##...##  ##...##
    ##.....  ##.....  ....##.  ##...##  ##...##
    ##.....  ######.  ...##..  .#####.  ##..###
    .####..  ###..##  ...##..  ##...##  .######
    ..####.  ##...##  ..##...  ##...##  .....##
    .....##  ##...##  ..##...  ##...##  .....##
    ##...##  ###..##  ..##...  ##...##  ....##.
    .#####.  .#####.  ..##...  .#####.  .####..
    .......  .......  .......  .......  .......
    .......  .......  .......  .......  .......
"""

WIDTH, HEIGHT = 7, 12


def digit_prototypes():
    """The RBF centres ``(10, 84)``: row d is digit d read line by line, +1 for ink and -1 for background."""
    lines = [line.split() for line in DRAWINGS.splitlines() if line.strip()]
    drawings = [
        [row[column] for row in lines[top : top + HEIGHT]] for top in (0, HEIGHT) for column in range(5)
    ]
    return np.array([[1.0 if pixel == "#" else -1.0 for pixel in "".join(rows)] for rows in drawings])
