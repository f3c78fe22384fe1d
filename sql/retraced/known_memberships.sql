-- One row per user and company that any upload names together, with the earliest acceptance (null: none yet): of what
-- is published and of the new uploads. Other statements include it.
--
-- params: upload_dates, rebuild (true: from all uploads).
SELECT
    user_id,
    company_id,
    min(accepted_at) AS accepted_at
FROM (
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
) AS uploaded
GROUP BY user_id, company_id
