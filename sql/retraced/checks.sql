-- One row per check of what a build wrote, before it is published: check_name, severity, ok, detail.
--
-- params: upload_dates, all_months (that the run builds), rebuild. Rendered with sql/ as Jinja's search path.
-- A row with ok = false fails the run if its severity is 'error'; 'warn' is shown; 'info' only counts and is always ok.
WITH

-- What the tables will be: the build, and the months that it leaves as they are.
activity AS (
    SELECT
        grain,
        starts_on,
        company_id,
        active_users,
        active_companies,
        month
    FROM retraced.built_activity
    {% if not params.rebuild %}

    UNION ALL

    SELECT
        grain,
        starts_on,
        company_id,
        active_users,
        active_companies,
        month
    FROM retraced.activity
    WHERE month NOT IN ('{{ params.all_months | join("', '") }}')
    {% endif %}
),

memberships AS (
    SELECT
        user_id,
        company_id,
        accepted_at
    FROM retraced.built_memberships
),

monthly AS (
    {% filter replace('retraced.', '') %}
    {% include 'retraced/monthly.sql' %}
    {% endfilter %}
),

company_months AS (
    SELECT
        company_id,
        starts_on AS month
    FROM activity
    WHERE grain = 'company_month'
),

first_months AS (
    SELECT
        company_id,
        min(month) AS month
    FROM company_months
    GROUP BY company_id
),

-- A company becomes potential a month after one in which it was active, and ceases when it is active again.
stretches AS (
    SELECT
        month,
        lead(month) OVER (PARTITION BY company_id ORDER BY month) AS next_month
    FROM company_months
),

changes AS (
    SELECT
        month,
        sum(ever_active) AS ever_active,
        sum(potential) AS potential
    FROM (
        SELECT
            month,
            1 AS ever_active,
            0 AS potential
        FROM first_months

        UNION ALL

        SELECT
            date_add('month', 1, month) AS month,
            0 AS ever_active,
            1 AS potential
        FROM stretches

        UNION ALL

        SELECT
            next_month AS month,
            0 AS ever_active,
            -1 AS potential
        FROM stretches
        WHERE next_month IS NOT NULL
    ) AS single_changes
    GROUP BY month
),

counted AS (
    SELECT
        monthly.month,
        lag(monthly.month) OVER (ORDER BY monthly.month) AS month_before,
        monthly.activated_users,
        monthly.active_users,
        monthly.activated_companies,
        monthly.active_companies,
        monthly.potential_companies,
        coalesce(sum(changes.ever_active) OVER so_far, 0) AS ever_active_companies,
        coalesce(sum(changes.potential) OVER so_far, 0) AS companies_between_months
    FROM monthly
    LEFT JOIN changes ON monthly.month = changes.month
    WINDOW so_far AS (ORDER BY monthly.month ROWS UNBOUNDED PRECEDING)
),

new_logins AS (
    SELECT
        user_id,
        company_id,
        CAST(login_at AS date) AS day
    FROM retraced.user_login_locations
    {% if not params.rebuild %}
    WHERE upload_date IN ('{{ params.upload_dates | join("', '") }}')
    {% endif %}
),

missing_user_days AS (
    SELECT
        user_id,
        company_id,
        day
    FROM new_logins

    EXCEPT

    SELECT
        user_id,
        company_id,
        day
    FROM retraced.built_user_days
),

-- A new upload is compared with up to 28 before it, in the eight weeks before the first new one. It is an error if at
-- least 14 are known and it lies 20 times outside of their range; but not in a rebuild, which people ask for.
uploads AS (
    SELECT
        upload_date,
        count(*) AS logins
    FROM retraced.user_login_locations
    WHERE
        upload_date <= '{{ params.upload_dates | max }}'
        AND upload_date >= CAST(date_add('day', -56, DATE '{{ params.upload_dates | min }}') AS varchar)
    GROUP BY upload_date
),

volumes AS (
    SELECT
        upload_date,
        logins,
        avg(logins) OVER earlier AS mean_logins,
        min(logins) OVER earlier AS fewest_logins,
        max(logins) OVER earlier AS most_logins,
        count(*) OVER earlier AS earlier_uploads
    FROM uploads
    WINDOW earlier AS (ORDER BY upload_date ROWS BETWEEN 28 PRECEDING AND 1 PRECEDING)
),

unusual_volumes AS (
    SELECT
        upload_date,
        {% if params.rebuild %}
        FALSE AS is_error
        {% else %}
        earlier_uploads >= 14 AND (logins > 20 * most_logins OR logins * 20 < fewest_logins) AS is_error
        {% endif %}
    FROM volumes
    WHERE
        upload_date IN ('{{ params.upload_dates | join("', '") }}')
        AND (logins > 5 * mean_logins OR logins * 5 < mean_logins)
),

checks AS (
    SELECT
        'companies_add_up' AS check_name,
        'error' AS severity,
        count(*) FILTER (WHERE active_companies + potential_companies != ever_active_companies) AS broken,
        'months in which active and potential companies are not all that were ever active' AS what
    FROM counted

    UNION ALL

    SELECT
        'potential_companies_were_active' AS check_name,
        'error' AS severity,
        count(*) FILTER (WHERE potential_companies != companies_between_months) AS broken,
        'months whose potential companies are not those between two active months, or after the last' AS what
    FROM counted

    UNION ALL

    SELECT
        'active_are_activated' AS check_name,
        'error' AS severity,
        count(*) FILTER (WHERE active_users > activated_users OR active_companies > activated_companies) AS broken,
        'months with more active than activated users or companies' AS what
    FROM counted

    UNION ALL

    SELECT
        'no_month_is_missing' AS check_name,
        'error' AS severity,
        count(*) FILTER (WHERE date_add('month', 1, month_before) != month) AS broken,
        'months that do not follow on the one before' AS what
    FROM counted

    UNION ALL

    SELECT
        'memberships_key_is_unique' AS check_name,
        'error' AS severity,
        count(*) AS broken,
        'pairs of user and company that have several rows' AS what
    FROM (
        SELECT
            user_id,
            company_id
        FROM memberships
        GROUP BY user_id, company_id
        HAVING count(*) > 1
    ) AS repeated

    UNION ALL

    SELECT
        'user_days_key_is_unique' AS check_name,
        'error' AS severity,
        count(*) AS broken,
        'users, companies and days that have several rows' AS what
    FROM (
        SELECT
            user_id,
            company_id,
            day
        FROM retraced.built_user_days
        GROUP BY user_id, company_id, day
        HAVING count(*) > 1
    ) AS repeated

    UNION ALL

    SELECT
        'activity_key_is_unique' AS check_name,
        'error' AS severity,
        count(*) AS broken,
        'months, days, or companies and months that have several rows' AS what
    FROM (
        SELECT
            grain,
            starts_on,
            company_id
        FROM activity
        GROUP BY grain, starts_on, company_id
        HAVING count(*) > 1
    ) AS repeated

    UNION ALL

    SELECT
        'uploads_have_arrived' AS check_name,
        'error' AS severity,
        count(*) AS broken,
        'users, companies and days of the new uploads that the new part of user_days lacks' AS what
    FROM missing_user_days

    UNION ALL

    SELECT
        'upload_volume_is_usual' AS check_name,
        CASE WHEN count(*) FILTER (WHERE is_error) > 0 THEN 'error' ELSE 'warn' END AS severity,
        count(*) AS broken,
        'new uploads with over 5 times more or fewer logins than the mean of the 28 before' AS what
    FROM unusual_volumes
)

SELECT
    check_name,
    severity,
    broken = 0 AS ok,
    CAST(broken AS varchar) || ' ' || what AS detail
FROM checks

UNION ALL

SELECT
    'unknown_users' AS check_name,
    'info' AS severity,
    TRUE AS ok,
    CAST(count(*) AS varchar) || ' users of the new logins are in no upload of user_companies'
        AS detail
FROM (
    SELECT user_id FROM retraced.built_user_days
    EXCEPT
    SELECT user_id FROM memberships
) AS unknown_users

UNION ALL

SELECT
    'never_accepted' AS check_name,
    'info' AS severity,
    TRUE AS ok,
    CAST(count(*) AS varchar) || ' memberships are not accepted yet' AS detail
FROM memberships
WHERE accepted_at IS NULL

ORDER BY check_name
