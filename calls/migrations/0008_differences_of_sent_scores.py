"""How far assessors are apart who sent their scores before this was stored. Run again, it changes nothing."""

from django.db import migrations

DIFFERENCES = """
INSERT INTO calls_difference (application_id, widest, spread, unsettled)
SELECT totals.application_id, coalesce(max(marks.apart), 0), totals.spread,
       count(*) FILTER (WHERE marks.apart >= 2 AND NOT marks.is_moderated)
FROM (
    SELECT application_id, coalesce(max(total) - min(total), 0) AS spread
    FROM calls_assessment WHERE status = 'submitted' GROUP BY 1
) totals LEFT JOIN (
    SELECT a.application_id, s.criterion_id, max(s.mark) - min(s.mark) AS apart, EXISTS (
        SELECT 1 FROM calls_moderation m WHERE m.application_id = a.application_id AND m.criterion_id = s.criterion_id
    ) AS is_moderated
    FROM calls_assessment a JOIN calls_score s ON s.assessment_id = a.id
    WHERE a.status = 'submitted' AND s.mark IS NOT NULL GROUP BY 1, 2
) marks USING (application_id)
GROUP BY totals.application_id, totals.spread
ON CONFLICT (application_id) DO UPDATE SET
    widest = excluded.widest, spread = excluded.spread, unsettled = excluded.unsettled
"""


class Migration(migrations.Migration):
    dependencies = [("calls", "0007_late_sendings_more_places_differences")]
    operations = [migrations.RunSQL(DIFFERENCES, migrations.RunSQL.noop)]
