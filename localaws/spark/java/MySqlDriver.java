package com.mysql.cj.jdbc;

import java.sql.Connection;
import java.sql.DriverPropertyInfo;
import java.sql.SQLException;
import java.util.Properties;

/** MariaDB's driver under the name of MySQL's, which scripts give: both speak to both. */
public class Driver implements java.sql.Driver {
    private final java.sql.Driver real = new org.mariadb.jdbc.Driver();

    static {
        try {
            java.sql.DriverManager.registerDriver(new Driver());
        } catch (SQLException error) {
            throw new RuntimeException(error);
        }
    }

    public Connection connect(String url, Properties properties) throws SQLException {
        return real.connect(url, properties);
    }

    public boolean acceptsURL(String url) throws SQLException {
        return real.acceptsURL(url);
    }

    public DriverPropertyInfo[] getPropertyInfo(String url, Properties properties) throws SQLException {
        return real.getPropertyInfo(url, properties);
    }

    public int getMajorVersion() {
        return real.getMajorVersion();
    }

    public int getMinorVersion() {
        return real.getMinorVersion();
    }

    public boolean jdbcCompliant() {
        return real.jdbcCompliant();
    }

    public java.util.logging.Logger getParentLogger() {
        return java.util.logging.Logger.getGlobal();
    }
}
