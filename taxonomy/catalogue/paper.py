"""A paper that the catalogue cites, and its BibTeX."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Paper:
    """A paper on arXiv.

    Attributes:
      key: BibTeX key.
      authors: "First Last and First Last", empty where they were not verified.
      title: the title; of the first version where a later one changed it.
      year: year of the first version.
      arxiv: identifier, such as "2505.18825".
      venue: where it was published, or empty.
    """

    key: str
    authors: str
    title: str
    year: int
    arxiv: str
    venue: str = ""


def bibtex(paper: Paper) -> str:
    """The BibTeX entry of a paper; a note replaces authors that were not verified."""
    # Double braces keep the capitals of names such as MeanFlow, whatever the style does to titles.
    fields = {"title": f"{{{paper.title}}}"}
    if paper.authors:
        fields["author"] = paper.authors
    fields["journal"] = f"arXiv preprint arXiv:{paper.arxiv}"
    fields["year"] = str(paper.year)
    fields["eprint"] = paper.arxiv
    fields["archivePrefix"] = "arXiv"
    notes = [paper.venue] if paper.venue else []
    if not paper.authors:
        notes.append("authors not verified here")
    if notes:
        fields["note"] = "; ".join(notes)
    return "\n".join([f"@article{{{paper.key},", *(f"  {name}={{{text}}}," for name, text in fields.items()), "}"])
