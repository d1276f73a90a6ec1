"""Is a handwritten backward right? ``gradcheck`` compares it with differences of its forward, and says where not."""

from minicnn.gradcheck.check import gradcheck
from minicnn.gradcheck.report import ArrayCheck, Report

__all__ = ["ArrayCheck", "Report", "gradcheck"]
