from django.db import migrations

CHAIN = """
CREATE FUNCTION audit_event_digest(e audit_event, before text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT encode(sha256(convert_to(
    before || '|' || e.position || '|' || e.id || '|' || extract(epoch from e.at)::numeric(20,6) || '|' || e.verb || '|' ||
    e.subject_type || '|' || coalesce(e.subject_id::text, '') || '|' || coalesce(e.person_id::text, '') || '|' ||
    e.details::text || '|' || e.request_id, 'UTF8')), 'hex')
$$;

-- Runs when the transaction commits: the lock is held for the length of a commit, after every row lock has been taken.
CREATE FUNCTION audit_event_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  latest record;
  this audit_event;
BEGIN
  PERFORM pg_advisory_xact_lock(712004, 1);
  SELECT position, hash INTO latest FROM audit_event WHERE position IS NOT NULL ORDER BY position DESC LIMIT 1;
  SELECT * INTO this FROM audit_event WHERE id = NEW.id;
  this.position := coalesce(latest.position, 0) + 1;
  this.previous_hash := coalesce(latest.hash, '');
  UPDATE audit_event
     SET position = this.position, previous_hash = this.previous_hash,
         hash = audit_event_digest(this, this.previous_hash)
   WHERE id = NEW.id;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER audit_event_chain AFTER INSERT ON audit_event
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_event_chain();

CREATE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.hash = '' AND NEW.hash <> ''
     AND (OLD.id, OLD.at, OLD.verb, OLD.subject_type, OLD.subject_id, OLD.person_id, OLD.details, OLD.request_id)
         IS NOT DISTINCT FROM
         (NEW.id, NEW.at, NEW.verb, NEW.subject_type, NEW.subject_id, NEW.person_id, NEW.details, NEW.request_id) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'The audit trail is append-only: % refused.', TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER audit_event_refuse_change BEFORE UPDATE OR DELETE ON audit_event
  FOR EACH ROW EXECUTE FUNCTION audit_event_refuse();
CREATE TRIGGER audit_event_refuse_truncate BEFORE TRUNCATE ON audit_event
  FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse();

CREATE FUNCTION audit_first_broken_link() RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT min(position) FROM (
    SELECT e.position,
           e.position = coalesce(lag(e.position) OVER w, 0) + 1
           AND e.previous_hash = coalesce(lag(e.hash) OVER w, '')
           AND e.hash = audit_event_digest(e, e.previous_hash) AS holds
      FROM audit_event e WHERE e.position IS NOT NULL
    WINDOW w AS (ORDER BY e.position)
  ) links WHERE NOT holds
$$;
"""

UNCHAIN = """
DROP TRIGGER audit_event_refuse_truncate ON audit_event;
DROP TRIGGER audit_event_refuse_change ON audit_event;
DROP TRIGGER audit_event_chain ON audit_event;
DROP FUNCTION audit_first_broken_link();
DROP FUNCTION audit_event_refuse();
DROP FUNCTION audit_event_chain();
DROP FUNCTION audit_event_digest(audit_event, text);
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunSQL(CHAIN, UNCHAIN)]
