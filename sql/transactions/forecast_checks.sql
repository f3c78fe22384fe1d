-- One row per check of a forecast that readers do not see yet: check_name, severity, ok, detail.
--
-- A row with ok = false and the severity 'error' stops the DAG before anything of it is published.
WITH

bands AS (
    SELECT
        product_id,
        region,
        day,
        mean,
        lo_80,
        hi_80,
        lo_95,
        hi_95,
        made_on
    FROM transactions.built_forecast

    UNION ALL

    SELECT
        'ALL' AS product_id,
        region,
        day,
        mean,
        lo_80,
        hi_80,
        lo_95,
        hi_95,
        made_on
    FROM transactions.built_forecast_totals
),

series AS (
    SELECT
        product_id,
        region,
        count(*) AS days,
        count(DISTINCT day) AS different_days,
        date_diff('day', CAST(made_on AS date), min(day)) AS first_day,
        date_diff('day', CAST(made_on AS date), max(day)) AS last_day
    FROM bands
    GROUP BY product_id, region, made_on
),

parts AS (
    SELECT
        region,
        day,
        count(*) AS series_count,
        sum(mean) AS mean
    FROM transactions.built_forecast
    GROUP BY region, day
),

checks AS (
    SELECT
        'forecast_key_is_unique' AS check_name,
        'error' AS severity,
        coalesce(sum(days - different_days), 0) AS broken,
        'rows too many for their key' AS what
    FROM series

    UNION ALL

    SELECT
        'forecast_has_all_days' AS check_name,
        'error' AS severity,
        count_if(different_days <> 28 OR first_day <> 1 OR last_day <> 28) AS broken,
        'series without exactly the 28 days that follow' AS what
    FROM series

    UNION ALL

    SELECT
        'forecast_is_not_empty' AS check_name,
        'error' AS severity,
        CASE WHEN count(*) = 0 THEN 1 ELSE 0 END AS broken,
        'if no series could be forecast: are all too young, or ended?' AS what
    FROM series

    UNION ALL

    SELECT
        'forecast_intervals_are_nested' AS check_name,
        'error' AS severity,
        count_if(NOT (lo_95 >= 0 AND lo_95 <= lo_80 AND lo_80 <= mean AND mean <= hi_80 AND hi_80 <= hi_95)) AS broken,
        'rows whose intervals are not around each other and their mean' AS what
    FROM bands

    UNION ALL

    SELECT
        'forecast_parts_add_up' AS check_name,
        'error' AS severity,
        count_if(abs(parts.mean - totals.mean) > parts.series_count * 0.001) AS broken,
        'days of regions that are not the sum of their products' AS what
    FROM parts
    INNER JOIN transactions.built_forecast_totals AS totals ON parts.region = totals.region AND parts.day = totals.day

    UNION ALL

    SELECT
        'accuracy_has_a_baseline' AS check_name,
        'error' AS severity,
        CASE WHEN count_if(chosen) > 0 AND count_if(chosen) = count_if(model = 'seasonal_naive') THEN 0 ELSE 1 END
            AS broken,
        'if the chosen model and the baseline were not measured alike' AS what
    FROM transactions.built_forecast_accuracy
    WHERE kind = 'backtest'
)

SELECT
    check_name,
    severity,
    broken = 0 AS ok,
    CAST(broken AS varchar) || ' ' || what AS detail
FROM checks
ORDER BY check_name
