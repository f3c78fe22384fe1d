-- The months of the table activity that the new uploads touch: one row per month, per day and per company and month
-- with a login that counts, with the active users and companies.
--
-- params: months (to build; at most 100), part (the number of the new part of user_days: those before it are what is
-- known), upload_dates, rebuild (true: from all uploads), build, final_bucket. Rendered with sql/ as Jinja's search
-- path.
{% set attempt = ti.map_index ~ '-' ~ ti.try_number %}
UNLOAD (
    WITH

    memberships AS (
        {% include 'retraced/known_memberships.sql' %}
    ),

    logins AS (
        SELECT
            user_id,
            company_id,
            login_at,
            date_format(login_at, '%Y-%m') AS month
        FROM retraced.user_login_locations
        {% if not params.rebuild %}
        WHERE upload_date IN ('{{ params.upload_dates | join("', '") }}')

        UNION ALL

        SELECT
            user_id,
            company_id,
            last_login_at AS login_at,
            month
        FROM retraced.user_days
        WHERE month IN ('{{ params.months | join("', '") }}') AND part < {{ params.part }}
        {% endif %}
    ),

    -- A login that names no company counts for each that its user had accepted by then.
    active AS (
        SELECT
            memberships.user_id,
            memberships.company_id,
            CAST(logins.login_at AS date) AS day,
            logins.month
        FROM logins
        INNER JOIN memberships
            ON
                logins.user_id = memberships.user_id
                AND logins.login_at >= memberships.accepted_at
                AND (logins.company_id = memberships.company_id OR logins.company_id IS NULL)
        WHERE logins.month IN ('{{ params.months | join("', '") }}')
    ),

    -- One pass over the logins for all grains.
    periods AS (
        SELECT
            CASE
                WHEN grouping(company_id) = 0 THEN 'company_month'
                WHEN grouping(day) = 0 THEN 'day'
                ELSE 'month'
            END AS grain,
            coalesce(day, CAST(month || '-01' AS date)) AS starts_on,
            company_id,
            count(DISTINCT user_id) AS active_users,
            count(DISTINCT company_id) AS active_companies,
            month
        FROM active
        GROUP BY GROUPING SETS ((month), (month, day), (month, company_id))
    )

    SELECT
        grain,
        starts_on,
        company_id,
        active_users,
        active_companies,
        month
    FROM periods
    ORDER BY month, grain, starts_on, company_id
)
TO 's3://{{ params.final_bucket }}/retraced/activity/build={{ params.build }}/{{ attempt }}/'
WITH (format = 'PARQUET', compression = 'ZSTD', partitioned_by = ARRAY['month'])
