package com.mysql.cj.jdbc;

/** MariaDB's driver under the name of MySQL's, which scripts give: both speak to both. */
public class Driver extends org.mariadb.jdbc.Driver {
    static {
        try {
            java.sql.DriverManager.registerDriver(new Driver());
        } catch (java.sql.SQLException error) {
            throw new RuntimeException(error);
        }
    }
}
