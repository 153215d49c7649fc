"""A table of `sources`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from ..model import Text
from ..request import ConsentsChecked, Organization, Telecom
from .endpoint import EndpointSettings


class Source(EndpointSettings):
    """Where charts come from."""

    base_url: str = ""
    files: Path | None = None  # FHIR files instead of a server
    pull: Literal["auto", "everything", "search", "bulk"] = "auto"
    bulk_group: Text | None = None  # at the source, a Group of this one patient
    page_size: int = Field(default=200, ge=1, le=1000)
    pages_max: int = Field(default=2000, ge=1)  # of one query
    page_bytes_max: int = Field(default=100_000_000, ge=1000)
    record_bytes_max: int = Field(default=20_000_000, ge=1000)
    attachment_bytes_max: int = Field(default=7_000_000, ge=0, le=500_000_000)
    attachment_types: tuple[Text, ...] = ("*/*",)  # media types, for example image/*
    expected_gaps: tuple[Text, ...] = ()
    consents_checked: ConsentsChecked | None = None  # where consents are kept somewhere else
    server: Text | None = None  # a name in mappings/servers, for one that isn't recognised
    rewrite_next: bool = False  # a `next` to another origin: asked at base_url's origin instead
    organization: Organization | None = None  # whose records office answers for the packet
    telecom: Telecom = Telecom()

    @model_validator(mode="after")
    def _one_place(self) -> "Source":
        if bool(self.base_url) == (self.files is not None):
            raise ValueError("expected exactly one of base_url and files")
        return self
