-- One row per day of purchase: how many purchases, how many lack an amount, and how many were set apart as outliers.
WITH

outliers AS (
    SELECT
        purchase_date,
        count(*) AS outliers
    FROM transactions.transactions_outliers
    GROUP BY purchase_date
),

purchases AS (
    SELECT
        purchase_date,
        sum(purchases) AS purchases,
        sum(missing_amounts) AS missing_amounts
    FROM transactions.daily_sales
    GROUP BY purchase_date
)

SELECT
    coalesce(p.purchase_date, o.purchase_date) AS day,
    coalesce(p.purchases, 0) AS purchases,
    coalesce(p.missing_amounts, 0) AS missing_amounts,
    coalesce(o.outliers, 0) AS outliers
FROM purchases AS p
FULL OUTER JOIN outliers AS o ON p.purchase_date = o.purchase_date
ORDER BY day
