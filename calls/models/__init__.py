"""Calls, the applications they receive, how these are assessed and what is decided."""

from calls.models.applications import DETAILS, Answer, AnswerRevision, Application, DetailRevision
from calls.models.assessments import HIGHEST_MARK, Assessment, Decision, Moderation, Score
from calls.models.calls import Call, Criterion, Enquiry, Extension, Follower, Question
from calls.models.words import tidy, words_in

__all__ = [
    "DETAILS",
    "HIGHEST_MARK",
    "Answer",
    "AnswerRevision",
    "Application",
    "Assessment",
    "Call",
    "Criterion",
    "Decision",
    "DetailRevision",
    "Enquiry",
    "Extension",
    "Follower",
    "Moderation",
    "Question",
    "Score",
    "tidy",
    "words_in",
]
