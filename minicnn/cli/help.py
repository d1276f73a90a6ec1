"""What --help looks like: paragraphs that fit the terminal, and blocks of commands as they are."""

import argparse
import textwrap


class Paragraphs(argparse.HelpFormatter):
    """Fills the description and the epilog paragraph by paragraph; what is indented stays as it is written."""

    def _fill_text(self, text, width, indent):
        paragraphs = textwrap.dedent(text).strip().split("\n\n")
        return "\n\n".join(
            paragraph if paragraph.startswith(" ") else textwrap.fill(paragraph, width, initial_indent=indent,
                                                                      subsequent_indent=indent)
            for paragraph in paragraphs
        )  # fmt: skip
