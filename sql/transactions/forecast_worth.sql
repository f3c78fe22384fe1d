-- One row per check of what a forecast is worth, by its backtest: check_name, severity, ok, detail.
--
-- A forecast that does not beat each day as a week before (seasonal naive) is not published. WAPE: the sum of what each
-- day of each series was wrong by, over the demand. Intervals that hold too little are a warning.
WITH

measured AS (
    SELECT
        level,
        model,
        chosen,
        CAST(sum(absolute_error) AS double) / nullif(CAST(sum(demand) AS double), 0) AS wape,
        CAST(sum(inside_80) AS double) / sum(points) AS coverage_80,
        CAST(sum(inside_95) AS double) / sum(points) AS coverage_95,
        count(DISTINCT origin) AS cutoffs
    FROM transactions.built_forecast_accuracy
    WHERE kind = 'backtest'
    GROUP BY level, model, chosen
),

compared AS (
    SELECT
        ours.level,
        ours.model,
        ours.wape,
        ours.coverage_80,
        ours.coverage_95,
        ours.cutoffs,
        naive.wape AS naive_wape
    FROM measured AS ours
    INNER JOIN measured AS naive ON ours.level = naive.level AND naive.model = 'seasonal_naive'
    WHERE ours.chosen
)

SELECT
    CASE
        WHEN level = 'product' THEN 'forecast_beats_seasonal_naive' ELSE level || '_forecast_beats_seasonal_naive'
    END AS check_name,
    CASE WHEN level = 'product' THEN 'error' ELSE 'warn' END AS severity,
    coalesce(wape < naive_wape, FALSE) AS ok,
    'WAPE of ' || model || ' ' || coalesce(CAST(CAST(wape AS decimal(12, 4)) AS varchar), 'unknown (no demand)')
    || ', of seasonal naive ' || coalesce(CAST(CAST(naive_wape AS decimal(12, 4)) AS varchar), 'unknown')
    || ', over ' || CAST(cutoffs AS varchar) || ' cut-offs'
    || CASE
        WHEN level = 'product' AND NOT coalesce(wape < naive_wape, FALSE)
            THEN ': not worth publishing, the last published forecast stays'
        ELSE ''
    END AS detail
FROM compared

UNION ALL

SELECT
    level || '_intervals_hold' AS check_name,
    'warn' AS severity,
    coverage_80 >= 0.7 AND coverage_95 >= 0.9 AS ok,
    'of the days ' || CAST(CAST(100 * coverage_80 AS decimal(4, 1)) AS varchar) || ' % were in their 80 % interval, '
    || CAST(CAST(100 * coverage_95 AS decimal(4, 1)) AS varchar) || ' % in their 95 % interval' AS detail
FROM compared
ORDER BY check_name
