"""Every address of calls: the public reads, staff write, organisations apply, assessors score."""

from django.urls import URLPattern, path

from calls.views import (
    applications,
    assessing,
    assessments,
    assigning,
    board,
    decisions,
    drafts,
    letters,
    managing,
    public,
    results,
    writing,
)

app_name = "calls"

reading: list[URLPattern] = [
    path("calls/", public.call_list, name="list"),
    path("calls/<slug:slug>/", public.call_page, name="call"),
    path("calls/<slug:slug>/ask/", public.ask, name="ask"),
    path("calls/<slug:slug>/follow/", public.follow, name="follow"),
    path("calls/<slug:slug>/apply/", applications.start, name="start"),
]

applying: list[URLPattern] = [
    path("workspace/applications/", applications.our_applications, name="our_applications"),
    path("workspace/applications/<int:pk>/", applications.application, name="application"),
    path("workspace/applications/<int:pk>/section/<int:number>/", drafts.section_page, name="section"),
    path("workspace/applications/<int:pk>/section/<int:number>/save/", drafts.autosave, name="autosave"),
    path("workspace/applications/<int:pk>/history/<str:key>/", drafts.history, name="history"),
    path("workspace/applications/<int:pk>/together/", drafts.together, name="together"),
    path("workspace/applications/<int:pk>/check/", applications.check, name="check"),
    path("workspace/applications/<int:pk>/take-back/", applications.take_back, name="take_back"),
    path("workspace/applications/<int:pk>/withdraw/", applications.withdraw, name="withdraw"),
    path("workspace/applications/<int:pk>/print/", applications.print_answers, name="print"),
    path("workspace/applications/<int:pk>/answers.txt", applications.download, name="download"),
]

running: list[URLPattern] = [
    path("staff/calls/", writing.board, name="board"),
    path("staff/calls/new/", writing.new, name="new"),
    path("staff/calls/<slug:slug>/", writing.manage, name="manage"),
    path("staff/calls/<slug:slug>/about/", writing.step("about"), name="write_about"),
    path("staff/calls/<slug:slug>/eligibility/", writing.step("eligibility"), name="write_eligibility"),
    path("staff/calls/<slug:slug>/dates/", writing.step("dates"), name="write_dates"),
    path("staff/calls/<slug:slug>/questions/", writing.parts, {"kind": "questions"}, name="write_questions"),
    path("staff/calls/<slug:slug>/criteria/", writing.parts, {"kind": "criteria"}, name="write_criteria"),
    path("staff/calls/<slug:slug>/questions/add/", writing.part, {"kind": "questions"}, name="add_question"),
    path("staff/calls/<slug:slug>/criteria/add/", writing.part, {"kind": "criteria"}, name="add_criterion"),
    path("staff/calls/<slug:slug>/questions/<int:pk>/", writing.part, {"kind": "questions"}, name="question"),
    path("staff/calls/<slug:slug>/criteria/<int:pk>/", writing.part, {"kind": "criteria"}, name="criterion"),
    path(
        "staff/calls/<slug:slug>/questions/<int:pk>/move/",
        writing.rearrange,
        {"kind": "questions"},
        name="move_question",
    ),
    path(
        "staff/calls/<slug:slug>/criteria/<int:pk>/move/",
        writing.rearrange,
        {"kind": "criteria"},
        name="move_criterion",
    ),
    path("staff/calls/<slug:slug>/check/", writing.check, name="write_check"),
    path("staff/calls/<slug:slug>/preview/", writing.preview, name="preview"),
    path("staff/calls/<slug:slug>/approve/", managing.approve, name="approve"),
    path("staff/calls/<slug:slug>/send-back/", managing.send_back, name="send_back"),
    path("staff/calls/<slug:slug>/publish/", managing.publish, name="publish"),
    path("staff/calls/<slug:slug>/extend/", managing.extend, name="extend"),
    path("staff/calls/<slug:slug>/more-places/", managing.more_places, name="more_places"),
    path("staff/calls/<slug:slug>/cancel/", managing.cancel, name="cancel"),
    path("staff/calls/<slug:slug>/duplicate/", managing.duplicate, name="duplicate"),
    path("staff/calls/<slug:slug>/enquiries/", managing.enquiry_list, name="enquiries"),
    path("staff/calls/<slug:slug>/enquiries/<int:pk>/", managing.answer_enquiry, name="answer_enquiry"),
]

judging: list[URLPattern] = [
    path("staff/calls/<slug:slug>/board/", board.applications_board, name="applications_board"),
    path("staff/calls/<slug:slug>/board.csv", board.board_csv, name="board_csv"),
    path("staff/calls/<slug:slug>/start-assessment/", assessing.start_assessment, name="start_assessment"),
    path("staff/calls/<slug:slug>/eligible/", assessing.eligibility, name="eligibility"),
    path("staff/calls/<slug:slug>/assessors/", assigning.assessors, name="assessors"),
    path("staff/calls/<slug:slug>/assessors/suggest/", assigning.suggest, name="suggest_assessors"),
    path("staff/calls/<slug:slug>/finish-deciding/", letters.finish_deciding, name="finish_deciding"),
    path("staff/calls/<slug:slug>/return-to-deciding/", letters.return_to_deciding, name="return_to_deciding"),
    path("staff/calls/<slug:slug>/letters/", letters.letters, name="letters"),
    path("staff/calls/<slug:slug>/letters/respond-by/", letters.set_respond_by, name="set_respond_by"),
    path("staff/calls/<slug:slug>/letters/renew/", letters.renew_letters, name="renew_letters"),
    path("staff/calls/<slug:slug>/letters/release/", letters.release_letters, name="release_letters"),
    path("staff/applications/<int:pk>/", decisions.decide, name="decide"),
    path("staff/applications/<int:pk>/take-decision-back/", decisions.take_decision_back, name="take_decision_back"),
    path("staff/applications/<int:pk>/eligible/", assessing.check_eligibility, name="check_eligibility"),
    path("staff/applications/<int:pk>/assessors/", assigning.assign, name="assign"),
    path("staff/applications/<int:pk>/moderate/<int:criterion>/", assessing.moderate, name="moderate"),
    path("staff/applications/<int:pk>/letters/<int:notice>/", letters.letter, name="letter"),
    path("staff/applications/<int:pk>/offer/", decisions.offer, name="offer"),
    path("staff/assessments/<int:pk>/take-back/", assigning.take_back, name="take_back_assessment"),
    path("assess/", assessments.assess, name="assess"),
    path("assess/<int:pk>/", assessments.assessment, name="assessment"),
    path("assess/<int:pk>/declare/", assessments.declare, name="declare"),
    path("assess/<int:pk>/save/", assessments.save_scores, name="save_scores"),
    path("workspace/applications/<int:pk>/result/", results.result, name="result"),
    path("workspace/applications/<int:pk>/result/accept/", results.accept_offer, name="accept_offer"),
    path("workspace/applications/<int:pk>/result/decline/", results.decline_offer, name="decline_offer"),
]

urlpatterns: list[URLPattern] = [*reading, *applying, *running, *judging]
