-- One row per user and company that any upload names together, with the earliest acceptance (null: none yet).
--
-- params: upload_dates, rebuild, build, final_bucket.
--
-- Publish it together with company_months and active_periods, after them: until it is published, a run that is done
-- again sees the same difference between what is known and what is new, and so builds the same months.
{% set attempt = ti.map_index ~ '-' ~ ti.try_number %}
UNLOAD (
    WITH

    uploaded AS (
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
    )

    SELECT
        user_id,
        company_id,
        min(accepted_at) AS accepted_at
    FROM uploaded
    GROUP BY user_id, company_id
    ORDER BY user_id, company_id
)
TO 's3://{{ params.final_bucket }}/retraced/memberships/build={{ params.build }}/{{ attempt }}/'
WITH (format = 'PARQUET', compression = 'ZSTD')
