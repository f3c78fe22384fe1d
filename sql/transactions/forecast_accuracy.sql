-- One row per run of the forecast: how good its backtest was, and how good it has proved since.
--
-- Of products in regions. WAPE: what was wrong over what was demanded; bias: what was expected too much, as a share.
-- What is known by now of a published forecast is what the newest run measured: days_known of its 28 days.
WITH

newest AS (
    SELECT max(made_on) AS made_on
    FROM transactions.forecast_accuracy
),

backtest AS (
    SELECT
        made_on,
        max(model) FILTER (WHERE chosen) AS model,
        CAST(sum(absolute_error) FILTER (WHERE chosen) AS double)
        / nullif(CAST(sum(demand) FILTER (WHERE chosen) AS double), 0) AS wape,
        CAST(sum(absolute_error) FILTER (WHERE model = 'seasonal_naive') AS double)
        / nullif(CAST(sum(demand) FILTER (WHERE model = 'seasonal_naive') AS double), 0) AS naive_wape,
        CAST(sum(forecast - demand) FILTER (WHERE chosen) AS double)
        / nullif(CAST(sum(demand) FILTER (WHERE chosen) AS double), 0) AS bias,
        CAST(sum(inside_80) FILTER (WHERE chosen) AS double) / sum(points) FILTER (WHERE chosen) AS coverage_80,
        CAST(sum(inside_95) FILTER (WHERE chosen) AS double) / sum(points) FILTER (WHERE chosen) AS coverage_95
    FROM transactions.forecast_accuracy
    WHERE kind = 'backtest' AND level = 'product'
    GROUP BY made_on
),

came_true AS (
    SELECT
        origin,
        CAST(sum(absolute_error) FILTER (WHERE chosen) AS double)
        / nullif(CAST(sum(demand) FILTER (WHERE chosen) AS double), 0) AS wape,
        CAST(sum(absolute_error) FILTER (WHERE NOT chosen) AS double)
        / nullif(CAST(sum(demand) FILTER (WHERE NOT chosen) AS double), 0) AS naive_wape,
        CAST(sum(forecast - demand) FILTER (WHERE chosen) AS double)
        / nullif(CAST(sum(demand) FILTER (WHERE chosen) AS double), 0) AS bias,
        CAST(sum(inside_80) FILTER (WHERE chosen) AS double) / sum(points) FILTER (WHERE chosen) AS coverage_80,
        CAST(sum(inside_95) FILTER (WHERE chosen) AS double) / sum(points) FILTER (WHERE chosen) AS coverage_95,
        least(28, date_diff('day', origin, CAST(max(made_on) AS date))) AS days_known
    FROM transactions.forecast_accuracy
    WHERE
        kind = 'published' AND level = 'product'
        AND made_on = (SELECT newest.made_on FROM newest)
    GROUP BY origin
),

published AS (
    SELECT made_on
    FROM transactions.forecast
    GROUP BY made_on
)

SELECT
    CAST(backtest.made_on AS date) AS made_on,
    backtest.model,
    CASE WHEN published.made_on IS NULL THEN 'no' ELSE 'yes' END AS published,
    round(backtest.wape, 4) AS wape,
    round(backtest.naive_wape, 4) AS naive_wape,
    round(backtest.bias, 4) AS bias,
    round(backtest.coverage_80, 4) AS coverage_80,
    round(backtest.coverage_95, 4) AS coverage_95,
    coalesce(came_true.days_known, 0) AS days_known,
    round(came_true.wape, 4) AS true_wape,
    round(came_true.naive_wape, 4) AS true_naive_wape,
    round(came_true.bias, 4) AS true_bias,
    round(came_true.coverage_80, 4) AS true_coverage_80,
    round(came_true.coverage_95, 4) AS true_coverage_95
FROM backtest
LEFT JOIN came_true ON CAST(backtest.made_on AS date) = came_true.origin
LEFT JOIN published ON backtest.made_on = published.made_on
ORDER BY backtest.made_on
