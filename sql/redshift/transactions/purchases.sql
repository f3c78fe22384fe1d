-- Purchases that are no outliers, one row each, without notes: who may read the warehouse need not read those.
CREATE TABLE IF NOT EXISTS purchases (
    purchase_id bigint NOT NULL,
    purchase_date date NOT NULL,
    period varchar(10) NOT NULL,
    region varchar(32) NOT NULL,
    product_id varchar(16) NOT NULL,
    customer_key bigint NOT NULL,
    amount numeric(12, 2),
    status varchar(16) NOT NULL,
    PRIMARY KEY (purchase_id)
)
DISTKEY (purchase_id)
SORTKEY (purchase_date, region)
