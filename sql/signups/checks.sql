-- One row per check of the published table: check_name, severity, ok, detail.
--
-- A row with ok = false fails the run if its severity is 'error'.
WITH

checks AS (
    SELECT
        'signups_final_key_is_unique' AS check_name,
        coalesce(sum(times - 1), 0) AS broken,
        'rows too many for their key' AS what
    FROM (
        SELECT count(*) AS times
        FROM signups.signups_final
        GROUP BY signup_id
    ) AS keys

    UNION ALL

    SELECT
        'no_email_hash_is_plain' AS check_name,
        count(*) AS broken,
        'values of email_hash that are no keyed hash' AS what
    FROM signups.signups_final
    WHERE NOT regexp_like(email_hash, '^[0-9a-f]{64}$')

    UNION ALL

    SELECT
        'signed_up_before_upload' AS check_name,
        count(*) AS broken,
        'sign-ups over a day later than their upload' AS what
    FROM signups.signups_final
    WHERE signed_up_on > date_add('day', 1, CAST(upload_date AS date))
)

SELECT
    check_name,
    'error' AS severity,
    broken = 0 AS ok,
    CAST(broken AS varchar) || ' ' || what AS detail
FROM checks
ORDER BY check_name
