-- One row per region (ALL for everywhere) and day: the demand of the last twelve weeks, and the newest forecast.
--
-- Demand is completed purchases; expected is the demand and then the forecast. The last day of the demand has a
-- forecast too, which is the demand itself, so that lines meet.
WITH

newest AS (
    SELECT max(made_on) AS made_on
    FROM transactions.forecast_totals
),

demand AS (
    SELECT
        region,
        purchase_date AS day,
        sum(completed) AS demand
    FROM transactions.daily_sales
    GROUP BY region, purchase_date
),

history AS (
    SELECT
        demand.region,
        demand.day,
        demand.demand,
        newest.made_on
    FROM demand
    CROSS JOIN newest
    WHERE
        demand.day > date_add('day', -84, CAST(newest.made_on AS date))

    UNION ALL

    SELECT
        'ALL' AS region,
        demand.day,
        sum(demand.demand) AS demand,
        newest.made_on
    FROM demand
    CROSS JOIN newest
    WHERE
        demand.day > date_add('day', -84, CAST(newest.made_on AS date))
    GROUP BY demand.day, newest.made_on
),

ahead AS (
    SELECT
        region,
        day,
        mean,
        lo_80,
        hi_80,
        lo_95,
        hi_95
    FROM transactions.forecast_totals
    WHERE made_on = (SELECT newest.made_on FROM newest)

    UNION ALL

    SELECT
        region,
        day,
        demand AS mean,
        demand AS lo_80,
        demand AS hi_80,
        demand AS lo_95,
        demand AS hi_95
    FROM history
    WHERE day = CAST(made_on AS date)
)

SELECT
    coalesce(history.region, ahead.region) AS region,
    coalesce(history.day, ahead.day) AS day,
    history.demand,
    coalesce(history.demand, ahead.mean) AS expected,
    ahead.mean AS forecast,
    ahead.lo_80,
    ahead.hi_80,
    ahead.lo_95,
    ahead.hi_95
FROM history
FULL OUTER JOIN ahead ON history.region = ahead.region AND history.day = ahead.day
ORDER BY region, day
