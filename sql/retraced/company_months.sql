-- One row per company and month in which it was active, with the number of its users whose logins counted.
--
-- params: months (to build; at most 100), upload_dates, rebuild, build, final_bucket. It reads user_days as published
-- by the same run.
{% set attempt = ti.map_index ~ '-' ~ ti.try_number %}
UNLOAD (
    WITH

    acceptances AS (
        SELECT
            user_id,
            company_id,
            accepted_at
        FROM retraced.user_companies
        {% if not params.rebuild %}
        WHERE upload_date IN ('{{ params.upload_dates | join("', '") }}')

        UNION ALL

        SELECT
            user_id,
            company_id,
            accepted_at
        FROM retraced.memberships
        {% endif %}
    ),

    activated AS (
        SELECT
            user_id,
            company_id,
            min(accepted_at) AS accepted_at
        FROM acceptances
        WHERE accepted_at IS NOT NULL
        GROUP BY user_id, company_id
    ),

    -- A login that names no company counts for each that its user had accepted by then.
    active AS (
        SELECT DISTINCT
            activated.company_id,
            activated.user_id,
            logins.month
        FROM retraced.user_days AS logins
        INNER JOIN activated
            ON
                logins.user_id = activated.user_id
                AND logins.last_login_at >= activated.accepted_at
                AND (logins.company_id = activated.company_id OR logins.company_id IS NULL)
        WHERE logins.month IN ('{{ params.months | join("', '") }}')
    )

    SELECT
        company_id,
        count(*) AS active_users,
        month
    FROM active
    GROUP BY company_id, month
    ORDER BY month, company_id
)
TO 's3://{{ params.final_bucket }}/retraced/company_months/build={{ params.build }}/{{ attempt }}/'
WITH (format = 'PARQUET', compression = 'ZSTD', partitioned_by = ARRAY['month'])
