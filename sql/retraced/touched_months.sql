-- One row per month ('YYYY-MM') that the new uploads can change: the months to build again.
--
-- params: upload_dates (the partitions of the new uploads), rebuild (true: every month, from all uploads).
--
-- A month changes if a new login fell in it, or if a user accepted, or accepted earlier than was known until now: that
-- makes logins count from the new time to the old one (or, where there was none, to the last month with a login).
-- It reads the new partitions and memberships; of user_days only the catalog's list of its partitions.
{% if params.rebuild %}
WITH

login_months AS (
    SELECT DISTINCT date_trunc('month', login_at) AS starts_at
    FROM retraced.user_login_locations
)

SELECT date_format(starts_at, '%Y-%m') AS month
FROM login_months
ORDER BY month
{% else %}
WITH

login_months AS (
    SELECT DISTINCT CAST(date_trunc('month', login_at) AS date) AS month
    FROM retraced.user_login_locations
    WHERE upload_date IN ('{{ params.upload_dates | join("', '") }}')
),

last_login_month AS (
    SELECT max(month) AS month
    FROM (
        SELECT month FROM login_months
        UNION ALL
        SELECT CAST(max(month) || '-01' AS date) AS month FROM retraced."user_days$partitions"
    ) AS known_months
),

uploaded AS (
    SELECT
        user_id,
        company_id,
        min(accepted_at) AS accepted_at
    FROM retraced.user_companies
    WHERE upload_date IN ('{{ params.upload_dates | join("', '") }}') AND accepted_at IS NOT NULL
    GROUP BY user_id, company_id
),

-- The stretches of time for which a user is activated now and was not before.
stretches AS (
    SELECT DISTINCT
        CAST(date_trunc('month', uploaded.accepted_at) AS date) AS first_month,
        CAST(date_trunc('month', known.accepted_at) AS date) AS last_month
    FROM uploaded
    LEFT JOIN retraced.memberships AS known
        ON uploaded.user_id = known.user_id AND uploaded.company_id = known.company_id
    WHERE known.accepted_at IS NULL OR uploaded.accepted_at < known.accepted_at
),

bounded AS (
    SELECT DISTINCT
        stretches.first_month,
        least(coalesce(stretches.last_month, last_login_month.month), last_login_month.month) AS last_month
    FROM stretches
    CROSS JOIN last_login_month
),

-- An acceptance after the last login changes nothing, and a sequence must not run backwards.
with_months AS (
    SELECT
        first_month,
        last_month
    FROM bounded
    WHERE first_month <= last_month
),

acceptance_months AS (
    SELECT spine.month
    FROM with_months
    CROSS JOIN UNNEST(sequence(with_months.first_month, with_months.last_month, INTERVAL '1' MONTH)) AS spine (month)
)

SELECT date_format(month, '%Y-%m') AS month
FROM login_months

UNION

SELECT date_format(month, '%Y-%m') AS month
FROM acceptance_months

ORDER BY month
{% endif %}
