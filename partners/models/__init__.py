"""Organisations, under all the names, codes and grades they have had, and the people who act for them."""

from partners.models.agreements import Agreement
from partners.models.facts import FactFile, LoadedFact
from partners.models.official import AuthorityYear, Inspection, Neighbour
from partners.models.organisations import (
    Group,
    Organisation,
    OrganisationCode,
    OrganisationName,
    Part,
    Service,
    Succession,
)
from partners.models.people import INVITATION_DAYS, Invitation, Membership

__all__ = (
    "INVITATION_DAYS",
    "Agreement",
    "AuthorityYear",
    "FactFile",
    "Group",
    "Inspection",
    "Invitation",
    "LoadedFact",
    "Membership",
    "Neighbour",
    "Organisation",
    "OrganisationCode",
    "OrganisationName",
    "Part",
    "Service",
    "Succession",
)
