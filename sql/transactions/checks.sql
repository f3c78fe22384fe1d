-- One row per check of a build that readers do not see yet: check_name, severity, ok, detail.
--
-- Each check measures something; over warn_above it is a warning, over fail_above an error, which stops the DAG before
-- it publishes. Shares are of a thousand rows at least, so that few rows do not make large ones. The build is whatever
-- the tables built_... hold: all rows of the partitions that were touched.
WITH

purchases AS (
    SELECT
        count(*) AS purchase_count,
        count(DISTINCT purchase_id) AS key_count,
        count_if(amount_missing) AS missing,
        count_if(amount_missing <> (amount IS NULL)) AS marked_wrong,
        count_if(amount < 0 OR amount > 100000) AS out_of_range,
        count_if(status NOT IN ('COMPLETED', 'REFUNDED', 'CANCELLED')) AS other_status,
        count_if(purchase_id IS NULL OR purchase_date IS NULL OR customer_key IS NULL OR product_id IS NULL)
            AS without_value,
        count_if(NOT starts_with(CAST(purchase_date AS varchar), period)) AS misplaced,
        count_if(
            regexp_like(note, '[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]')
            OR regexp_like(note, '\+[0-9][0-9 ().-]{7,}')
        ) AS unredacted,
        coalesce(sum(amount) FILTER (WHERE status = 'COMPLETED'), 0) AS sales,
        coalesce(sum(amount) FILTER (WHERE status = 'REFUNDED'), 0) AS refunded
    FROM transactions.built_transactions_clean
),

outliers AS (
    SELECT count(*) AS outlier_count
    FROM transactions.built_transactions_outliers
),

aggregates AS (
    SELECT
        coalesce(sum(d.purchases), 0) AS purchase_count,
        coalesce(sum(d.missing_amounts), 0) AS missing,
        coalesce(sum(d.sales), 0) AS sales,
        coalesce(sum(d.refunded), 0) AS refunded
    FROM transactions.built_daily_sales AS d
),

measured AS (
    SELECT
        'key_is_unique' AS check_name,
        CAST(purchase_count - key_count AS double) AS value,
        0 AS warn_above,
        0 AS fail_above,
        'rows too many for their key' AS what
    FROM purchases

    UNION ALL

    SELECT
        'share_of_missing_amounts' AS check_name,
        CAST(missing AS double) / greatest(purchase_count, 1000) AS value,
        0.07 AS warn_above,
        0.2 AS fail_above,
        'of the purchases have no amount' AS what
    FROM purchases

    UNION ALL

    SELECT
        'missing_amounts_are_marked' AS check_name,
        CAST(marked_wrong AS double) AS value,
        0 AS warn_above,
        0 AS fail_above,
        'rows whose mark is not what their amount is' AS what
    FROM purchases

    UNION ALL

    SELECT
        'amounts_are_in_range' AS check_name,
        CAST(out_of_range AS double) / greatest(purchase_count, 1000) AS value,
        0 AS warn_above,
        0.001 AS fail_above,
        'of the purchases are below 0 or above 100000 USD and not flagged as outliers' AS what
    FROM purchases

    UNION ALL

    SELECT
        'share_of_outliers' AS check_name,
        CAST(outliers.outlier_count AS double)
        / greatest(purchases.purchase_count + outliers.outlier_count, 1000) AS value,
        0.01 AS warn_above,
        0.05 AS fail_above,
        'of the purchases are outliers' AS what
    FROM purchases
    CROSS JOIN outliers

    UNION ALL

    SELECT
        'outliers_are_apart' AS check_name,
        CAST(other_status AS double) AS value,
        0 AS warn_above,
        0 AS fail_above,
        'purchases of a status that does not belong here' AS what
    FROM purchases

    UNION ALL

    SELECT
        'values_are_there' AS check_name,
        CAST(without_value AS double) AS value,
        0 AS warn_above,
        0 AS fail_above,
        'rows that lack a value that all must have' AS what
    FROM purchases

    UNION ALL

    SELECT
        'days_are_in_their_period' AS check_name,
        CAST(misplaced AS double) AS value,
        0 AS warn_above,
        0 AS fail_above,
        'rows in the partition of another period' AS what
    FROM purchases

    UNION ALL

    SELECT
        'notes_are_redacted' AS check_name,
        CAST(unredacted AS double) AS value,
        0 AS warn_above,
        0 AS fail_above,
        'notes with an e-mail address or a phone number' AS what
    FROM purchases

    UNION ALL

    SELECT
        'daily_sales_equal_the_purchases' AS check_name,
        CAST(
            abs(purchases.purchase_count - aggregates.purchase_count) + abs(purchases.missing - aggregates.missing)
            + abs(purchases.sales - aggregates.sales) + abs(purchases.refunded - aggregates.refunded) AS double
        ) AS value,
        0 AS warn_above,
        0 AS fail_above,
        'is what aggregates and purchases differ by' AS what
    FROM purchases
    CROSS JOIN aggregates
)

SELECT
    check_name,
    CASE WHEN value > fail_above THEN 'error' ELSE 'warning' END AS severity,
    value <= warn_above AS ok,
    regexp_replace(CAST(CAST(value AS decimal(38, 6)) AS varchar), '\.?0+$', '') || ' ' || what AS detail
FROM measured
ORDER BY check_name
