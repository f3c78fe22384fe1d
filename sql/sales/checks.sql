-- One row per check of a build that readers do not see yet: check_name, severity, ok, detail.
--
-- The build is named by the run of the job that wrote it. A row with ok = false stops the DAG before it is published.
{% set build = params.get('build') or ti.xcom_pull(task_ids='load') %}
WITH

orders AS (
    SELECT * FROM sales.built_fact_orders
    WHERE build = '{{ build }}'
),

payments AS (
    SELECT * FROM sales.built_fact_payments
    WHERE build = '{{ build }}'
),

customers AS (
    SELECT * FROM sales.built_dim_customers
    WHERE build = '{{ build }}'
),

products AS (
    SELECT * FROM sales.built_dim_products
    WHERE build = '{{ build }}'
),

employees AS (
    SELECT * FROM sales.built_dim_employees
    WHERE build = '{{ build }}'
),

locations AS (
    SELECT * FROM sales.built_dim_locations
    WHERE build = '{{ build }}'
),

days AS (
    SELECT * FROM sales.built_dim_dates
    WHERE build = '{{ build }}'
),

in_the_source AS (
    SELECT * FROM sales.built_control_totals
    WHERE build = '{{ build }}'
),

in_the_facts AS (
    SELECT
        'order_lines' AS source,
        date_format(order_date, '%Y-%m') AS month,
        count(*) AS row_count,
        sum(amount) AS amount,
        sum(revenue) AS revenue
    FROM orders
    GROUP BY date_format(order_date, '%Y-%m')

    UNION ALL

    SELECT
        'payments' AS source,
        date_format(payment_date, '%Y-%m') AS month,
        count(*) AS row_count,
        sum(amount) AS amount,
        0 AS revenue
    FROM payments
    GROUP BY date_format(payment_date, '%Y-%m')
),

compared AS (
    SELECT
        coalesce(theirs.source, ours.source) AS source,
        coalesce(theirs.month, ours.month) AS month,
        coalesce(theirs.row_count, 0) AS their_rows,
        coalesce(ours.row_count, 0) AS our_rows,
        coalesce(theirs.amount, 0) AS their_amount,
        coalesce(ours.amount, 0) AS our_amount,
        coalesce(theirs.revenue, 0) AS their_revenue,
        coalesce(ours.revenue, 0) AS our_revenue
    FROM (
        SELECT * FROM in_the_source
        WHERE month <> ''
    ) AS theirs
    FULL OUTER JOIN in_the_facts AS ours ON theirs.source = ours.source AND theirs.month = ours.month
),

equal AS (
    SELECT
        CASE
            WHEN source = 'payments' THEN 'fact_payments_equal_the_source' ELSE 'fact_orders_equal_the_source'
        END AS check_name,
        count_if(their_rows <> our_rows OR their_amount <> our_amount OR their_revenue <> our_revenue) AS broken,
        'months differ; source: ' || CAST(sum(their_rows) AS varchar) || ' rows, amount '
        || CAST(sum(their_amount) AS varchar) || ', revenue ' || CAST(sum(their_revenue) AS varchar)
        || '; star: ' || CAST(sum(our_rows) AS varchar) || ' rows, amount '
        || CAST(sum(our_amount) AS varchar) || ', revenue ' || CAST(sum(our_revenue) AS varchar) AS what
    FROM compared
    GROUP BY source
),

checks AS (
    SELECT * FROM equal

    UNION ALL

    SELECT
        'fact_orders_key_is_unique' AS check_name,
        count(*) - count(DISTINCT CAST(order_number AS varchar) || ' ' || product_code) AS broken,
        'lines too many for their key' AS what
    FROM orders

    UNION ALL

    SELECT
        'fact_payments_key_is_unique' AS check_name,
        count(*) - count(DISTINCT CAST(customer_number AS varchar) || ' ' || check_number) AS broken,
        'payments too many for their key' AS what
    FROM payments

    UNION ALL

    SELECT
        'fact_orders_refer_to_members' AS check_name,
        count_if(
            customers.customer_key IS NULL OR products.product_key IS NULL OR employees.employee_key IS NULL
            OR locations.location_key IS NULL OR days.date_key IS NULL
        ) AS broken,
        'lines whose keys are in no dimension' AS what
    FROM orders
    LEFT JOIN customers ON orders.customer_key = customers.customer_key
    LEFT JOIN products ON orders.product_key = products.product_key
    LEFT JOIN employees ON orders.employee_key = employees.employee_key
    LEFT JOIN locations ON orders.location_key = locations.location_key
    LEFT JOIN days ON orders.order_date_key = days.date_key

    UNION ALL

    SELECT
        'fact_payments_refer_to_members' AS check_name,
        count_if(
            customers.customer_key IS NULL OR employees.employee_key IS NULL OR locations.location_key IS NULL
            OR days.date_key IS NULL
        ) AS broken,
        'payments whose keys are in no dimension' AS what
    FROM payments
    LEFT JOIN customers ON payments.customer_key = customers.customer_key
    LEFT JOIN employees ON payments.employee_key = employees.employee_key
    LEFT JOIN locations ON payments.location_key = locations.location_key
    LEFT JOIN days ON payments.payment_date_key = days.date_key

    UNION ALL

    SELECT
        'dim_customers_key_is_unique' AS check_name,
        count(*) - count(DISTINCT customer_key) AS broken,
        'customers too many for their key' AS what
    FROM customers

    UNION ALL

    SELECT
        'dim_products_key_is_unique' AS check_name,
        count(*) - count(DISTINCT product_key) AS broken,
        'products too many for their key' AS what
    FROM products

    UNION ALL

    SELECT
        'dim_employees_key_is_unique' AS check_name,
        count(*) - count(DISTINCT employee_key) AS broken,
        'employees too many for their key' AS what
    FROM employees

    UNION ALL

    SELECT
        'dim_locations_key_is_unique' AS check_name,
        count(*) - count(DISTINCT location_key) AS broken,
        'places too many for their key' AS what
    FROM locations

    UNION ALL

    SELECT
        'dim_dates_key_is_unique' AS check_name,
        count(*) - count(DISTINCT date_key) AS broken,
        'days too many for their key' AS what
    FROM days

    UNION ALL

    SELECT
        'dim_customers_versions_follow_on' AS check_name,
        count_if(valid_to <= valid_from OR next_from < valid_to OR is_current <> (valid_to = DATE '9999-12-31'))
            AS broken,
        'versions of customers that overlap or are empty' AS what
    FROM (
        SELECT
            valid_from,
            valid_to,
            is_current,
            lead(valid_from) OVER (PARTITION BY customer_number ORDER BY valid_from) AS next_from
        FROM customers
    ) AS versions

    UNION ALL

    SELECT
        'dim_products_versions_follow_on' AS check_name,
        count_if(valid_to <= valid_from OR next_from < valid_to OR is_current <> (valid_to = DATE '9999-12-31'))
            AS broken,
        'versions of products that overlap or are empty' AS what
    FROM (
        SELECT
            valid_from,
            valid_to,
            is_current,
            lead(valid_from) OVER (PARTITION BY product_code ORDER BY valid_from) AS next_from
        FROM products
    ) AS versions

    UNION ALL

    SELECT
        'fact_orders_name_known_customers' AS check_name,
        count_if(customer_key = -1 OR product_key = -1) AS broken,
        'lines of unknown customers or products' AS what
    FROM orders
)

SELECT
    check_name,
    CASE WHEN check_name = 'fact_orders_name_known_customers' THEN 'warn' ELSE 'error' END AS severity,
    broken = 0 AS ok,
    CAST(broken AS varchar) || ' ' || what AS detail
FROM checks
ORDER BY check_name
