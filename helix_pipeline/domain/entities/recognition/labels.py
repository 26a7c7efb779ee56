"""The tags that the recognisers are trained with, and the type and sub-type of types.py that each stands for.

There are two sets, one for each kind of text: `SOFTWARE` (StackOverflowNER, Tabassum et al. 2020, with its labels
merged) and `GENERAL` (WNUT17, Derczynski et al. 2017).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from helix_pipeline.domain.entities.types import CONCEPT, LOCATION, ORGANIZATION, PERSON, PRODUCT, TECH

OUTSIDE = "O"
BEGIN, INSIDE = "B-", "I-"


@dataclass(frozen=True)
class TagSet:
    """The labels of one corpus: `kinds` gives the type and the sub-type that each label stands for."""

    name: str
    kinds: Mapping[str, tuple[str, str]]

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """Every tag: `O` first, then `B-` and `I-` of each label, in the order of `kinds`."""
        return OUTSIDE, *(prefix + label for label in self.kinds for prefix in (BEGIN, INSIDE))


SOFTWARE = TagSet(
    "software",
    {
        "Algorithm": (CONCEPT, "algorithm"),
        "Application": (TECH, "tool"),
        "Class": (TECH, "class"),
        "Code_Block": (TECH, "code block"),
        "Data_Structure": (CONCEPT, "data structure"),
        "Data_Type": (CONCEPT, "data type"),
        "Device": (PRODUCT, "device"),
        "Error_Name": (TECH, "error"),
        "File_Name": (TECH, "file name"),
        "File_Type": (TECH, "file type"),
        "Function": (TECH, "function"),
        "HTML_XML_Tag": (TECH, "tag"),
        "Keyboard_IP": (TECH, "key"),
        "Language": (TECH, "language"),
        "Library": (TECH, "library"),
        "Licence": (CONCEPT, "licence"),
        "Operating_System": (TECH, "platform"),
        "Output_Block": (TECH, "output block"),
        "User_Interface_Element": (CONCEPT, "interface element"),
        "User_Name": (PERSON, "user name"),
        "Value": (TECH, "value"),
        "Variable": (TECH, "variable"),
        "Version": (TECH, "version"),
        "Website": (TECH, "service"),
    },
)

GENERAL = TagSet(
    "general",
    {
        "corporation": (ORGANIZATION, "company"),
        "creative-work": (PRODUCT, "creative work"),
        "group": (ORGANIZATION, "group"),
        "location": (LOCATION, ""),
        "person": (PERSON, ""),
        "product": (PRODUCT, ""),
    },
)

TAG_SETS = {one.name: one for one in (SOFTWARE, GENERAL)}
"""The tag sets, by name."""
