"""The documents that claims are taken from: does what a claim cites stand there?

`check_citations` reads a document and looks up the section, the quoted words and the figures of
each claim of an ablation. It judges no claim: a figure that stands where it is said to stand may
still be wrong.

Words and headings are compared as a reader sees them. These differences do not count: space and
line breaks; marks of Markdown (``*``, a backtick, ``#``), numbers and bullets of lists, lines of
tables and boxes; the shape of quotation marks and dashes; upper and lower case. Figures are
compared as numbers: 1,000,000 is 1M and 1e6, and 0.000016 is 1.6e-5; 37 % is 0.37 as well.
"""

from fixbench.documents._check import Citation, check_citations
from fixbench.documents._document import Document, Passage, Section, read_document
from fixbench.documents._figures import Figure, figures

__all__ = [
    "Citation",
    "Document",
    "Figure",
    "Passage",
    "Section",
    "check_citations",
    "figures",
    "read_document",
]
