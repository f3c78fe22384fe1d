"""Where the users of the sample log in from."""

from __future__ import annotations

# City (some with a comma, a quote or a line break in the name), country code, latitude and longitude in degrees.
CITIES: tuple[tuple[str, str, float, float], ...] = (
    ("Zürich", "CH", 47.3769, 8.5417), ("Genève", "CH", 46.2044, 6.1432), ("St. Gallen, SG", "CH", 47.4245, 9.3767),
    ("Bern", "CH", 46.948, 7.4474), ("München", "DE", 48.1351, 11.582), ("Köln", "DE", 50.9375, 6.9603),
    ("Berlin", "DE", 52.52, 13.405), ("Frankfurt, Main", "DE", 50.1109, 8.6821), ("Wien", "AT", 48.2082, 16.3738),
    ("Paris", "FR", 48.8566, 2.3522), ("Saint-Étienne", "FR", 45.4397, 4.3872), ("Lyon", "FR", 45.764, 4.8357),
    ("London", "GB", 51.5074, -0.1278), ("Manchester", "GB", 53.4808, -2.2426), ("Dublin", "IE", 53.3498, -6.2603),
    ("Málaga", "ES", 36.7213, -4.4213), ("A Coruña", "ES", 43.3623, -8.4115), ("Lisboa", "PT", 38.7223, -9.1393),
    ("Milano", "IT", 45.4642, 9.19), ("L'Aquila", "IT", 42.3498, 13.3995), ("København", "DK", 55.6761, 12.5683),
    ("Malmö", "SE", 55.605, 13.0038), ("Tromsø", "NO", 69.6492, 18.9553), ("Łódź", "PL", 51.7592, 19.456),
    ("Kraków", "PL", 50.0647, 19.945), ("Praha", "CZ", 50.0755, 14.4378), ("Αθήνα", "GR", 37.9838, 23.7275),
    ("İstanbul", "TR", 41.0082, 28.9784), ("São Paulo", "BR", -23.5505, -46.6333),
    ("Bogotá", "CO", 4.711, -74.0721), ("Washington, D.C.", "US", 38.9072, -77.0369),
    ("New York\nManhattan", "US", 40.7831, -73.9712), ("San José", "CR", 9.9281, -84.0907),
    ("Montréal", "CA", 45.5019, -73.5674), ("東京", "JP", 35.6762, 139.6503), ("Singapore", "SG", 1.3521, 103.8198),
    ('Suva "Lami"', "FJ", -18.1248, 178.4501), ("Sydney", "AU", -33.8688, 151.2093),
    ("", "", float("nan"), float("nan")),
)  # fmt: skip
