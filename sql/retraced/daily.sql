-- One row per day (UTC) from the first to the last active day, days without a login that counts too.
WITH

active AS (
    SELECT
        starts_on AS day,
        active_users,
        active_companies
    FROM retraced.activity
    WHERE grain = 'day'
),

bounds AS (
    SELECT
        min(day) AS first_day,
        max(day) AS last_day
    FROM active
),

-- By way of months, since a sequence has at most 10,000 entries, 27 years of days.
months AS (
    SELECT
        spine.month,
        bounds.first_day,
        bounds.last_day
    FROM bounds
    CROSS JOIN
        UNNEST(sequence(date_trunc('month', bounds.first_day), bounds.last_day, INTERVAL '1' MONTH)) AS spine (month)
),

days AS (
    SELECT spine.day
    FROM months
    CROSS JOIN UNNEST(sequence(months.month, last_day_of_month(months.month), INTERVAL '1' DAY)) AS spine (day)
    WHERE spine.day BETWEEN months.first_day AND months.last_day
)

SELECT
    days.day,
    coalesce(active.active_users, 0) AS active_users,
    coalesce(active.active_companies, 0) AS active_companies
FROM days
LEFT JOIN active ON days.day = active.day
ORDER BY days.day
