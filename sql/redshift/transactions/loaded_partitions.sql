-- Which published partition is loaded, and from where: a partition that is published anew lies in another folder.
CREATE TABLE IF NOT EXISTS loaded_partitions (
    period varchar(10) NOT NULL,
    region varchar(32) NOT NULL,
    location varchar(1024) NOT NULL,
    PRIMARY KEY (period, region)
)
DISTSTYLE ALL
