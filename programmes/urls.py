from django.urls import path

from programmes.views import obligations, partnerships, reports

app_name = "programmes"
urlpatterns = [
    path("workspace/partnerships/", partnerships.our_partnerships, name="our_partnerships"),
    path("workspace/reports/", obligations.our_reports, name="our_reports"),
    path("partnerships/<int:pk>/", partnerships.partnership, name="partnership"),
    path("partnerships/<int:pk>/agree/", partnerships.agree, name="agree"),
    path("partnerships/<int:pk>/issue/", partnerships.issue, name="issue_agreement"),
    path("partnerships/<int:pk>/sign/", partnerships.sign, name="sign"),
    path("partnerships/<int:pk>/signed-elsewhere/", partnerships.signed_elsewhere, name="signed_elsewhere"),
    path("partnerships/<int:pk>/start/", partnerships.begin, name="start_partnership"),
    path("partnerships/<int:pk>/pause/", partnerships.pause, name="pause"),
    path("partnerships/<int:pk>/resume/", partnerships.resume, name="resume"),
    path("partnerships/<int:pk>/complete/", partnerships.complete, name="complete"),
    path("partnerships/<int:pk>/leave/", partnerships.leave, name="leave"),
    path("partnerships/<int:pk>/announce/", partnerships.announce, name="announce"),
    path("partnerships/<int:pk>/hold/", partnerships.hold, name="hold"),
    path("partnerships/<int:pk>/ask-for/", partnerships.ask_for, name="ask_for"),
    path("partnerships/<int:pk>/schedule/", partnerships.schedule, name="schedule"),
    path("owed/<int:pk>/", obligations.obligation, name="obligation"),
    path("owed/<int:pk>/write/", reports.write, name="write_report"),
    path("owed/<int:pk>/save/", reports.save, name="save_report"),
    path("owed/<int:pk>/earlier/<slug:field>/", reports.history, name="report_history"),
    path("owed/<int:pk>/check/", reports.check, name="check_report"),
    path("owed/<int:pk>/versions/<int:number>.txt", reports.download, name="download_report"),
    path("owed/<int:pk>/ask/", obligations.ask, name="ask_about_report"),
    path("owed/<int:pk>/accept/", obligations.accept, name="accept_report"),
    path("owed/<int:pk>/move-date/", obligations.move_date, name="move_due_date"),
    path("owed/<int:pk>/waive/", obligations.waive, name="waive"),
    path("owed/<int:pk>/received/", obligations.received, name="mark_received"),
    path("staff/partnerships/", partnerships.staff_partnerships, name="staff_partnerships"),
    path("staff/partnerships/export.csv", partnerships.partnerships_csv, name="partnerships_csv"),
    path("staff/announcements/", partnerships.announcements, name="announcements"),
    path("staff/reports/", obligations.reports_due, name="reports_due"),
    path("staff/reports/export.csv", obligations.reports_csv, name="reports_csv"),
]
