-- What was sold, one row per day, region and product.
CREATE TABLE IF NOT EXISTS daily_sales (
    purchase_date date NOT NULL,
    period varchar(10) NOT NULL,
    region varchar(32) NOT NULL,
    product_id varchar(16) NOT NULL,
    purchases bigint NOT NULL,
    missing_amounts bigint NOT NULL,
    refunds bigint NOT NULL,
    sales numeric(18, 2) NOT NULL,
    refunded numeric(18, 2) NOT NULL,
    PRIMARY KEY (purchase_date, region, product_id)
)
DISTSTYLE ALL
SORTKEY (purchase_date, region)
