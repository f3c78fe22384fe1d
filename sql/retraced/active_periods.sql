-- One row per active month (grain 'month') and active day (grain 'day'), with its active users and companies.
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
        SELECT
            activated.company_id,
            activated.user_id,
            CAST(logins.last_login_at AS date) AS day,
            logins.month
        FROM retraced.user_days AS logins
        INNER JOIN activated
            ON
                logins.user_id = activated.user_id
                AND logins.last_login_at >= activated.accepted_at
                AND (logins.company_id = activated.company_id OR logins.company_id IS NULL)
        WHERE logins.month IN ('{{ params.months | join("', '") }}')
    ),

    -- One pass over the logins for both grains.
    periods AS (
        SELECT
            CASE WHEN grouping(day) = 1 THEN 'month' ELSE 'day' END AS grain,
            coalesce(day, CAST(month || '-01' AS date)) AS starts_on,
            count(DISTINCT user_id) AS active_users,
            count(DISTINCT company_id) AS active_companies,
            month
        FROM active
        GROUP BY GROUPING SETS ((month), (month, day))
    )

    SELECT
        grain,
        starts_on,
        active_users,
        active_companies,
        month
    FROM periods
    ORDER BY month, grain, starts_on
)
TO 's3://{{ params.final_bucket }}/retraced/active_periods/build={{ params.build }}/{{ attempt }}/'
WITH (format = 'PARQUET', compression = 'ZSTD', partitioned_by = ARRAY['month'])
