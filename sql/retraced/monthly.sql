-- One row per month (UTC) from the first to the last with an acceptance or a login that counts, months without either
-- too: users and companies activated by its end, those active in it, and the potential companies, which were active in
-- an earlier month and are not in this one.
WITH

activated_users AS (
    SELECT
        month,
        count(*) AS users
    FROM (
        SELECT CAST(date_trunc('month', min(accepted_at)) AS date) AS month
        FROM retraced.memberships
        WHERE accepted_at IS NOT NULL
        GROUP BY user_id
    ) AS first_acceptances
    GROUP BY month
),

activated_companies AS (
    SELECT
        month,
        count(*) AS companies
    FROM (
        SELECT CAST(date_trunc('month', min(accepted_at)) AS date) AS month
        FROM retraced.memberships
        WHERE accepted_at IS NOT NULL
        GROUP BY company_id
    ) AS first_acceptances
    GROUP BY month
),

first_active_companies AS (
    SELECT
        month,
        count(*) AS companies
    FROM (
        SELECT min(starts_on) AS month
        FROM retraced.activity
        WHERE grain = 'company_month'
        GROUP BY company_id
    ) AS first_months
    GROUP BY month
),

active AS (
    SELECT
        starts_on AS month,
        active_users,
        active_companies
    FROM retraced.activity
    WHERE grain = 'month'
),

bounds AS (
    SELECT
        min(month) AS first_month,
        max(month) AS last_month
    FROM (
        SELECT CAST(date_trunc('month', accepted_at) AS date) AS month
        FROM retraced.memberships
        WHERE accepted_at IS NOT NULL

        UNION ALL

        SELECT month FROM active
    ) AS known_months
),

months AS (
    SELECT spine.month
    FROM bounds
    CROSS JOIN UNNEST(sequence(bounds.first_month, bounds.last_month, INTERVAL '1' MONTH)) AS spine (month)
)

SELECT
    months.month,
    coalesce(sum(activated_users.users) OVER so_far, 0) AS activated_users,
    coalesce(active.active_users, 0) AS active_users,
    coalesce(sum(activated_companies.companies) OVER so_far, 0) AS activated_companies,
    coalesce(active.active_companies, 0) AS active_companies,
    coalesce(sum(first_active_companies.companies) OVER so_far, 0) - coalesce(active.active_companies, 0)
        AS potential_companies
FROM months
LEFT JOIN activated_users ON months.month = activated_users.month
LEFT JOIN activated_companies ON months.month = activated_companies.month
LEFT JOIN first_active_companies ON months.month = first_active_companies.month
LEFT JOIN active ON months.month = active.month
WINDOW so_far AS (ORDER BY months.month ROWS UNBOUNDED PRECEDING)
ORDER BY months.month
