-- One row per product and region: the demand of the last four weeks, and what the newest forecast expects of the next.
--
-- Expected demand adds up; the bounds of an interval do not: those of many days or products are in forecast_totals.
WITH

newest AS (
    SELECT max(made_on) AS made_on
    FROM transactions.forecast
),

demand AS (
    SELECT
        product_id,
        region,
        sum(completed) AS demand
    FROM transactions.daily_sales
    WHERE
        purchase_date <= (SELECT CAST(newest.made_on AS date) FROM newest)
        AND purchase_date > (SELECT date_add('day', -28, CAST(newest.made_on AS date)) FROM newest)
    GROUP BY product_id, region
)

SELECT
    ahead.product_id,
    ahead.region,
    coalesce(max(demand.demand), 0) AS demand,
    sum(ahead.mean) AS forecast,
    max(ahead.model) AS model
FROM transactions.forecast AS ahead
LEFT JOIN demand ON ahead.product_id = demand.product_id AND ahead.region = demand.region
WHERE ahead.made_on = (SELECT newest.made_on FROM newest)
GROUP BY ahead.product_id, ahead.region
ORDER BY forecast DESC, ahead.product_id ASC, ahead.region ASC
