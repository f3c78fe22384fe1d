"""The pages Dashboards and Data on a real API server, with users who may do more or less."""

import json
import socket
import time
from urllib.parse import quote

import httpx
import pytest

from millrace.local import BUCKET_PREFIX, LocalAws, Process, airflow_environment

USERS = {"boss": "admin", "guest": "viewer"}
LEDGER = "_ledger/retraced/logins/upload_date=2024-01-15/a-1.json"
REJECTS = "retraced/logins/upload_date=2024-01-15/a-1.csv"
HOSTILE = "<script>alert(1)</script>"
REFUSED = (
    "file,line,column,reason,raw\n"
    'a.csv,2,login_at,"login_at ""31/02"" is not a timestamp","u1,31/02"\n'
    'a.csv,3,login_at,"login_at ""32/02"" is not a timestamp","u2,32/02"\n'
    f"a.csv,4,,too few columns,{HOSTILE}\n"
)
PAGES = (
    "dashboards/", "dashboards/e2e", "data/", "data/retraced/",
    f"data/retraced/rejects?key={quote(REJECTS)}", f"data/retraced/rejects.csv?key={quote(REJECTS)}",
)  # fmt: skip


class Site:
    """The API server's address, and a logged-in client for each user."""

    def __init__(self, address):
        self.address = address
        self.nobody = httpx.Client(base_url=f"{address}/millrace/", timeout=60)
        self.users = {}
        for user in USERS:
            answer = httpx.post(f"{address}/auth/token", json={"username": user, "password": user}, timeout=60)
            headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            self.users[user] = httpx.Client(base_url=f"{address}/millrace/", headers=headers, timeout=60)

    def get(self, user, page):
        return self.users[user].get(page)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """An embedded AWS with a table, a load, its rejects, a dashboard and the reader."""
    folder = tmp_path_factory.mktemp("lake")
    with LocalAws(folder / "aws", folder / "aws.log") as aws:
        s3, glue, quicksight = (aws.client(service) for service in ("s3", "glue", "quicksight"))
        for name in ("processed", "rejects"):
            s3.create_bucket(Bucket=f"{BUCKET_PREFIX}-{name}")
        row = {
            "key": f"retraced/logins/{HOSTILE}.csv", "status": "loaded", "reason": "", "rows_in": 1200,
            "rows_out": 1197, "rows_rejected": 3, "rejects": f"s3://{BUCKET_PREFIX}-rejects/{REJECTS}",
        }  # fmt: skip
        s3.put_object(Bucket=f"{BUCKET_PREFIX}-processed", Key=LEDGER, Body=json.dumps(row).encode())
        s3.put_object(Bucket=f"{BUCKET_PREFIX}-rejects", Key=REJECTS, Body=REFUSED.encode())
        s3.put_object(Bucket=f"{BUCKET_PREFIX}-rejects", Key="sales/orders/x.csv", Body=REFUSED.encode())
        for database in ("retraced", "not_a_pipeline"):
            glue.create_database(DatabaseInput={"Name": database})
        storage = {"Location": "s3://b/logins/", "Columns": [{"Name": "user_id", "Type": "string"}]}
        glue.create_table(
            DatabaseName="retraced",
            TableInput={"Name": "logins", "Description": "one row per login", "StorageDescriptor": storage},
        )
        account = {"AwsAccountId": "123456789012"}
        quicksight.register_user(
            **account, Namespace="default", IdentityType="QUICKSIGHT", UserName="millrace-reader",
            Email="reader@example.com", UserRole="READER",
        )  # fmt: skip
        source = quicksight.create_data_source(
            **account, DataSourceId="athena", Name="Athena", Type="ATHENA",
            DataSourceParameters={"AthenaParameters": {"WorkGroup": "primary"}},
        )  # fmt: skip
        sql = {"DataSourceArn": source["Arn"], "Name": "one", "SqlQuery": "SELECT 1 AS n",
               "Columns": [{"Name": "n", "Type": "INTEGER"}]}  # fmt: skip
        data_set = quicksight.create_data_set(
            **account, DataSetId="one", Name="One", ImportMode="SPICE", PhysicalTableMap={"one": {"CustomSql": sql}}
        )
        declared = [{"Identifier": "one", "DataSetArn": data_set["Arn"]}]
        sheet = {"SheetId": "s", "Name": "S", "ContentType": "INTERACTIVE"}
        quicksight.create_dashboard(
            **account, DashboardId="e2e", Name="End to end",
            Definition={"DataSetIdentifierDeclarations": declared, "Sheets": [sheet]},
        )  # fmt: skip
        yield aws


@pytest.fixture(scope="module")
def site(lake, tmp_path_factory):
    folder = tmp_path_factory.mktemp("airflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps({user: user for user in USERS}))
    environment = airflow_environment(lake, folder / "home") | {
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in USERS.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
    }
    for name, arguments in {"migrate": ["db", "migrate"], "dags": ["dags", "reserialize"]}.items():
        with Process(name, ["airflow", *arguments], environment, folder / f"{name}.log", talks=False) as process:
            process.wait()
    command = ["airflow", "api-server", "--host", "127.0.0.1", "--port", str(port)]
    with Process("api-server", command, environment, folder / "api-server.log", talks=False) as server:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            server.check()
            try:
                httpx.get(f"{address}/api/v2/monitor/health", timeout=5)
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield Site(address)


@pytest.mark.parametrize("page", PAGES)
def test_without_a_login_there_is_nothing(site, page):
    assert site.nobody.get(page).status_code == 401


def test_only_who_may_run_the_dag_sees_what_was_refused(site):
    answers = {user: [site.get(user, page).status_code for page in PAGES] for user in USERS}
    assert answers == {"boss": [200] * 6, "guest": [200, 200, 200, 200, 403, 403]}


def test_the_pages_are_in_the_navigation(site):
    plugins = site.users["boss"].get(f"{site.address}/api/v2/plugins").json()["plugins"]
    views = next(plugin["external_views"] for plugin in plugins if plugin["name"] == "millrace")
    assert [(view["name"], view["href"]) for view in views] == [
        ("Dashboards", "millrace/dashboards/"),
        ("Data", "millrace/data/"),
    ]
    for view in views:
        assert site.nobody.get(f"{site.address}{view['icon']}").headers["content-type"] == "image/svg+xml"


def test_a_dashboard_is_embedded_from_quicksight_and_nothing_else_is(site, lake):
    answer = site.get("boss", "dashboards/e2e")
    source = answer.text.partition('<iframe src="')[2].partition('"')[0].replace("&amp;", "&")
    assert source.startswith(f"{lake.endpoint}/_localaws/quicksight/embed/e2e?")
    assert f"frame-src {lake.endpoint};" in answer.headers["content-security-policy"]
    embedded = httpx.get(source, timeout=60)
    assert embedded.status_code == 200 and "End to end" in embedded.text
    assert site.address in embedded.headers["content-security-policy"]
    assert site.get("boss", "dashboards/other").status_code == 404


def test_pipelines_are_databases_of_dags(site):
    text = site.get("guest", "data/").text
    assert "retraced" in text and "not_a_pipeline" not in text


def test_tables_loads_and_rejects_are_shown_with_what_they_hold_escaped(site):
    pipeline = site.get("boss", "data/retraced/").text
    assert "one row per login" in pipeline and "1,200" in pipeline and "1,197" in pipeline
    rejects = site.get("boss", PAGES[4]).text
    assert "login_at … is not a timestamp" in rejects and "31/02" in rejects
    for text in (pipeline, rejects):
        assert HOSTILE not in text and "&lt;script&gt;" in text


def test_the_download_is_the_file(site):
    answer = site.get("boss", PAGES[5])
    assert answer.content == REFUSED.encode()
    assert answer.headers["content-disposition"] == 'attachment; filename="a-1.csv"'


@pytest.mark.parametrize(
    "key", ["sales/orders/x.csv", "retraced/../sales/orders/x.csv", "../x", "retraced/none.csv", "x" * 2000]
)
def test_keys_of_others_or_of_nothing_are_not_found(site, key):
    for page in ("rejects", "rejects.csv"):
        assert site.get("boss", f"data/retraced/{page}?key={quote(key)}").status_code in (404, 422)


def test_another_pipelines_database_that_is_not_there_is_said_so(site):
    answer = site.get("boss", "data/nothing/")
    assert answer.status_code == 404 and "nothing" in answer.text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_and_follow_the_scheme(site, browser, scheme, width):
    token = site.users["boss"].headers["Authorization"].removeprefix("Bearer ")
    browser.command("Network.setCookie", name="_token", value=token, url=site.address, httpOnly=True)
    paper = {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 20, 26)"}[scheme]
    for page in (*PAGES[:1], *PAGES[2:5]):
        browser.open(f"{site.address}/millrace/{page}", width, 800, scheme, ready="document.readyState === 'complete'")
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
        assert browser.run("getComputedStyle(document.body).backgroundColor") == paper
        assert browser.run("document.querySelector('h1').textContent.length") > 0
        assert browser.problems() == []


def test_a_dashboard_shows_inside_airflow_with_the_keyboard(site, browser):
    token = site.users["boss"].headers["Authorization"].removeprefix("Bearer ")
    browser.command("Network.setCookie", name="_token", value=token, url=site.address, httpOnly=True)
    browser.open(f"{site.address}/millrace/dashboards/", scheme="light", ready="document.readyState === 'complete'")
    browser.key("Tab")
    assert browser.run("document.activeElement.getAttribute('href')").endswith("/dashboards/e2e")
    browser.run("document.activeElement.click()")
    browser.until("!!document.querySelector('iframe')")
    assert browser.run("document.querySelector('iframe').title") == "End to end"
