"""Calls, the applications they receive, how these are assessed and what is decided."""

from calls.models.applications import DETAILS, Answer, AnswerRevision, Application, DetailRevision
from calls.models.assessments import HIGHEST_MARK, Assessment, Decision, Difference, Moderation, Score
from calls.models.calls import MOST_GRACE, Call, Criterion, Enquiry, Extension, Follower, MorePlaces, Question
from calls.models.words import tidy, words_in

__all__ = [
    "DETAILS",
    "HIGHEST_MARK",
    "MOST_GRACE",
    "Answer",
    "AnswerRevision",
    "Application",
    "Assessment",
    "Call",
    "Criterion",
    "Decision",
    "DetailRevision",
    "Difference",
    "Enquiry",
    "Extension",
    "Follower",
    "Moderation",
    "MorePlaces",
    "Question",
    "Score",
    "tidy",
    "words_in",
]
