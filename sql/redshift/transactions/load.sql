-- Load the partitions that were published since last time, all of them or none: these statements are one transaction.
--
-- touched.csv names the partitions, with the folder in which each lies now, or none where it is no more. A manifest for
-- each region names their Parquet files, whose rows do not say their region: that is the name of a folder.
CREATE TEMP TABLE touched (period varchar(10), region varchar(32), location varchar(1024));

COPY touched FROM '{{ folder }}touched.csv' IAM_ROLE DEFAULT FORMAT AS CSV EMPTYASNULL;

CREATE TEMP TABLE arrived ({{ columns | join(', ') }});

CREATE TEMP TABLE staged (LIKE purchases);

{% for region in regions %}
COPY arrived FROM '{{ folder }}{{ region }}.manifest' IAM_ROLE DEFAULT FORMAT AS PARQUET MANIFEST FILLRECORD;

INSERT INTO staged (purchase_id, purchase_date, period, region, product_id, customer_key, amount, status)
SELECT
    purchase_id,
    purchase_date,
    to_char(purchase_date, '{{ grain }}') AS period,
    '{{ region }}' AS region,
    product_id,
    customer_key,
    amount,
    status
FROM arrived;

DELETE FROM arrived;
{% endfor %}

-- Rows that their partition has no more go with it; rows that come in another partition now, by their key.
DELETE FROM purchases
USING touched
WHERE purchases.period = touched.period AND purchases.region = touched.region;

DELETE FROM purchases
USING staged
WHERE purchases.purchase_id = staged.purchase_id;

INSERT INTO purchases (purchase_id, purchase_date, period, region, product_id, customer_key, amount, status)
SELECT
    purchase_id,
    purchase_date,
    period,
    region,
    product_id,
    customer_key,
    amount,
    status
FROM staged;

DELETE FROM daily_sales
USING touched
WHERE daily_sales.period = touched.period AND daily_sales.region = touched.region;

INSERT INTO daily_sales (
    purchase_date, period, region, product_id, purchases, missing_amounts, refunds, sales, refunded
)
SELECT
    purchase_date,
    period,
    region,
    product_id,
    count(*) AS purchases,
    sum(CASE WHEN amount IS NULL THEN 1 ELSE 0 END) AS missing_amounts,
    sum(CASE WHEN status = 'REFUNDED' THEN 1 ELSE 0 END) AS refunds,
    coalesce(sum(CASE WHEN status = 'COMPLETED' THEN amount END), 0) AS sales,
    coalesce(sum(CASE WHEN status = 'REFUNDED' THEN amount END), 0) AS refunded
FROM staged
GROUP BY purchase_date, period, region, product_id;

DELETE FROM loaded_partitions
USING touched
WHERE loaded_partitions.period = touched.period AND loaded_partitions.region = touched.region;

INSERT INTO loaded_partitions (period, region, location)
SELECT
    period,
    region,
    location
FROM touched
WHERE location IS NOT NULL;
