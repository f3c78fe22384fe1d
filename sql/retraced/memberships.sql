-- The table memberships: what its contract says.
--
-- params: upload_dates, rebuild, build, final_bucket. Rendered with sql/ as Jinja's search path.
--
-- It is published after the other tables: until it is, a run that is done again sees the same difference between what
-- is known and what is new, and so builds the same months.
{% set attempt = ti.map_index ~ '-' ~ ti.try_number %}
UNLOAD (
    WITH

    memberships AS (
        {% include 'retraced/known_memberships.sql' %}
    )

    SELECT
        user_id,
        company_id,
        accepted_at
    FROM memberships
    ORDER BY user_id, company_id
)
TO 's3://{{ params.final_bucket }}/retraced/memberships/build={{ params.build }}/{{ attempt }}/'
WITH (format = 'PARQUET', compression = 'ZSTD')
