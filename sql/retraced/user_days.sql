-- The new uploads' part of the table user_days: one row per user, company that the login named (null: none) and day
-- (UTC), with the last login of that day.
--
-- params: months (to write; at most 100, the partitions that one UNLOAD may write), part (the number of this part),
-- upload_dates, rebuild (true: one part of all uploads), build, final_bucket. Each try of each chunk of months writes
-- into a folder of its own, since UNLOAD refuses to add to one.
--
-- Logins of users who accepted nothing are kept, since they may turn out to have accepted. The last login of a day
-- decides whether the day counts: if an earlier one counts, so does the last.
{% set attempt = ti.map_index ~ '-' ~ ti.try_number %}
UNLOAD (
    WITH

    days AS (
        SELECT
            user_id,
            company_id,
            CAST(login_at AS date) AS day,
            max(login_at) AS last_login_at
        FROM retraced.user_login_locations
        {% if not params.rebuild %}
        WHERE upload_date IN ('{{ params.upload_dates | join("', '") }}')
        {% endif %}
        GROUP BY user_id, company_id, CAST(login_at AS date)
    ),

    days_of_months AS (
        SELECT
            user_id,
            company_id,
            day,
            last_login_at,
            date_format(day, '%Y-%m') AS month,
            {{ params.part }} AS part
        FROM days
    )

    SELECT
        user_id,
        company_id,
        day,
        last_login_at,
        month,
        part
    FROM days_of_months
    WHERE month IN ('{{ params.months | join("', '") }}')
    ORDER BY month, user_id, last_login_at
)
TO 's3://{{ params.final_bucket }}/retraced/user_days/build={{ params.build }}/{{ attempt }}/'
WITH (format = 'PARQUET', compression = 'ZSTD', partitioned_by = ARRAY['month', 'part'])
