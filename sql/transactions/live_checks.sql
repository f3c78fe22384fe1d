-- One row per check of the live tables: check_name, severity, ok, detail.
--
-- A row with ok = false fails the run if its severity is 'error'.
--
-- params: periods, as in live_streamed; daily: whether all that was uploaded is looked through.
WITH

checks AS (
    SELECT
        'nothing_is_counted_twice' AS check_name,
        'error' AS severity,
        count(*) - count(DISTINCT purchase_id) AS broken,
        'rows too many for their purchase' AS what
    FROM (
        SELECT purchase_id
        FROM transactions.transactions_streamed

        UNION ALL

        SELECT purchase_id
        FROM transactions.transactions_clean
        WHERE period IN ('{{ params.periods | join("', '") }}')
    ) AS looked_at

    UNION ALL

    SELECT
        'minutes_are_unique' AS check_name,
        'error' AS severity,
        coalesce(sum(times - 1), 0) AS broken,
        'rows too many for their minute, region and status' AS what
    FROM (
        SELECT count(*) AS times
        FROM transactions.minute_metrics
        GROUP BY minute, region, status
    ) AS cells

    UNION ALL

    SELECT
        'uploads_have_what_streamed' AS check_name,
        'warn' AS severity,
        count(*) AS broken,
        'purchases that streamed over a week ago and that no upload has' AS what
    FROM transactions.transactions_streamed
    WHERE arrived_at < date_add('day', -7, CAST(current_date AS timestamp))
    {% if params.daily %}

    UNION ALL

    SELECT
        'uploads_know_the_day' AS check_name,
        'warn' AS severity,
        count(DISTINCT live.purchase_id) AS broken,
        'purchases that uploads have in a period of which no record of the stream is, so that they count twice' AS what
    FROM transactions.transactions_live AS live
    INNER JOIN transactions.transactions_clean AS clean ON live.purchase_id = clean.purchase_id
    WHERE clean.period NOT IN ('{{ params.periods | join("', '") }}')
    {% endif %}
)

SELECT
    check_name,
    severity,
    broken = 0 AS ok,
    CAST(broken AS varchar) || ' ' || what AS detail
FROM checks
ORDER BY check_name
