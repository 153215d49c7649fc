"""A table of `destinations`, with those inside it: `bundle` and `accepts`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from ..model import Model, Text
from .endpoint import EndpointSettings

# How a packet travels: record by record; whole, as a Bundle; as files put into a folder.
Kind = Literal["transaction", "document", "message", "files"]


class BundleSettings(Model):
    """The shape in which the packet is sent, and how much the destination takes at once."""

    kind: Literal["transaction", "document", "message"] = "transaction"
    max_entries: int = Field(default=150, ge=2, le=10_000)
    max_megabytes: float = Field(default=10, gt=0, le=1000)


class Accepts(Model):
    """What the receiving programme wants."""

    scope: Literal["checklist", "whole-chart"] = "whole-chart"
    images: Literal["reports", "images"] = "images"


class Destination(EndpointSettings):
    """Where packets go."""

    base_url: str = ""
    folder: Path | None = None  # a folder that others watch, instead of a server
    owner: Text | None = None  # their Organization: "Organization/ID" or "system|value"
    new_patient: Literal["hold", "create"] = "hold"
    match_systems: tuple[Text, ...] = ()
    match: Literal["certain", "off"] = "certain"  # $match, where it is offered
    write: Literal["conditional", "put", "create"] = "conditional"
    way: Literal["auto", "transaction", "batch", "single"] = "auto"
    search_lag_s: float = Field(default=10, ge=0, le=300)  # until a search finds what was written
    read_back: Literal["granted", "none"] = "granted"  # none: nothing but the Patient may be read
    release: Literal["manual", "auto"] = "manual"
    approval_days: int = Field(default=30, ge=1, le=365)  # an older approval has to be given anew
    bundle: BundleSettings = BundleSettings()
    accepts: Accepts = Accepts()
    programme: Text | None = None  # a name in mappings/destinations

    @property
    def kind(self) -> "Kind":
        """How the packet travels there."""
        return "files" if self.folder is not None else self.bundle.kind

    @model_validator(mode="after")
    def _one_place(self) -> "Destination":
        if bool(self.base_url) == (self.folder is not None):
            raise ValueError("expected exactly one of base_url and folder")
        if self.folder is not None and self.bundle.kind != "transaction":
            raise ValueError("bundle: kind: a folder gets files")
        return self

    @model_validator(mode="after")
    def _unread(self) -> "Destination":
        if self.read_back == "granted":
            return self
        if self.write != "conditional":
            raise ValueError('read_back: where nothing is read, write = "conditional" is needed')
        if self.owner is not None and "|" in self.owner:
            raise ValueError("owner: where nothing is read, name it by its id: Organization/ID")
        return self
