"""Custom classifiers, by "Writing custom classifiers" and the Classifier API in Glue's guide."""

import pytest
from botocore.exceptions import ClientError


def code(error):
    return error.value.response["Error"]["Code"]


@pytest.fixture
def classify(lake, glue):
    """Make a classifier, crawl an object with it; the table (None if there is none) and its columns."""

    def crawl(body, kind, name="t/f.txt", **given):
        glue.create_classifier(**{kind: {"Name": lake.crawler, **given}})
        lake.put(name, body)
        tables = lake.crawl("t/", Classifiers=[lake.crawler])
        return tables.get("t"), lake.columns("t") if tables else []

    return crawl


def csv(classify, body, **given):
    return classify(body, "CsvClassifier", **given)


def test_a_header_that_the_built_in_rules_do_not_see(classify):
    """ "A value of PRESENT specifies that the CSV file contains headings.\""""
    table, columns = csv(classify, "Name,City\nann,London\nbob,Paris\n", ContainsHeader="PRESENT")
    assert columns == [("name", "string"), ("city", "string")]
    assert table["Parameters"]["skip.header.line.count"] == "1"
    assert table["Parameters"]["recordCount"] == "2"


def test_no_header_though_it_looks_like_one(classify):
    table, columns = csv(classify, "a,b\n1,2\n", ContainsHeader="ABSENT")
    assert columns == [("col0", "string"), ("col1", "string")]
    assert "skip.header.line.count" not in table["Parameters"]


def test_names_of_its_own(classify):
    table, columns = csv(classify, "1,ann\n2,bob\n", ContainsHeader="ABSENT", Header=["Id", "Who"])
    assert columns == [("id", "bigint"), ("who", "string")]
    assert "skip.header.line.count" not in table["Parameters"]


@pytest.mark.parametrize(("first", "skipped"), [("ID,Who", True), ("7,zoe", False)])
def test_names_of_its_own_are_looked_for_in_the_first_line(classify, first, skipped):
    table, columns = csv(classify, f"{first}\n1,ann\n", Header=["id", "who"])
    assert columns == [("id", "bigint"), ("who", "string")]
    assert ("skip.header.line.count" in table["Parameters"]) is skipped


def test_names_that_do_not_fit_leave_it_to_the_built_in_rules(classify):
    _, columns = csv(classify, "id,who\n1,ann\n", Header=["one", "two", "three"])
    assert columns == [("id", "bigint"), ("who", "string")]


def test_a_delimiter_of_its_own(classify):
    table, columns = csv(classify, "id^note\n1^a,b\n2^c,d\n", Delimiter="^")
    assert columns == [("id", "bigint"), ("note", "string")]
    assert table["StorageDescriptor"]["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        "Parameters": {"field.delim": "^"},
    }


def test_a_quote_of_its_own(classify):
    table, columns = csv(classify, "id,note\n1,'a, b'\n2,'c'\n", QuoteSymbol="'", ContainsHeader="PRESENT")
    assert columns == [("id", "string"), ("note", "string")]
    assert table["StorageDescriptor"]["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        "Parameters": {"separatorChar": ",", "quoteChar": "'", "escapeChar": "\\"},
    }


def test_a_single_column(classify):
    """ "Enables the processing of files that contain only one column.\""""
    _, columns = csv(classify, "name\nann\nbob\n", AllowSingleColumn=True, ContainsHeader="PRESENT")
    assert columns == [("name", "string")]


def test_lazy_simple_where_a_value_is_quoted(classify):
    table, columns = csv(classify, 'id,n\n1,"2"\n', Serde="LazySimpleSerDe")
    library = table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"]
    assert library == "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
    assert columns == [("id", "bigint"), ("n", "bigint")]


def test_open_csv_where_nothing_is_quoted(classify):
    table, columns = csv(classify, "id,n\n1,2\n", Serde="OpenCSVSerDe")
    library = table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"]
    assert library == "org.apache.hadoop.hive.serde2.OpenCSVSerde"
    assert columns == [("id", "string"), ("n", "string")]


@pytest.mark.parametrize(("disabled", "kind"), [(True, "string"), (False, "bigint")])
def test_trimming(classify, disabled, kind):
    _, columns = csv(classify, "id, n\n1, 2\n2, 3\n", DisableValueTrimming=disabled, ContainsHeader="PRESENT")
    assert columns == [("id", "bigint"), ("n", kind)]


def test_custom_data_types(classify):
    body = "ok,small,whole,big,part,day,at,text\nTRUE,1,70000,9999999999,1.5,2024-02-29,2024-02-29 10:00:00,x\n"
    types = ["BOOLEAN", "SHORT", "INT", "LONG", "DOUBLE", "DATE", "TIMESTAMP", "STRING"]
    given = {"ContainsHeader": "PRESENT", "CustomDatatypeConfigured": True}
    _, columns = csv(classify, body, CustomDatatypes=types, **given)
    assert [kind for _, kind in columns] == [
        "boolean",
        "smallint",
        "int",
        "bigint",
        "double",
        "date",
        "timestamp",
        "string",
    ]


def test_custom_data_types_that_are_not_given_are_not_used(classify):
    body = "id,day\n1,2024-02-29\n2,2024-02-30\n"
    _, columns = csv(classify, body, CustomDatatypes=["DATE"], CustomDatatypeConfigured=True, ContainsHeader="PRESENT")
    assert columns == [("id", "string"), ("day", "string")]  # 30 February is no date


ARRAY = '[{"id": 1, "tags": ["x"]}, {"id": 2.5, "who": {"name": "a"}}]'


@pytest.mark.parametrize(
    ("path", "body", "columns"),
    [
        ("$[*]", ARRAY, [("id", "double"), ("tags", "array<string>"), ("who", "struct<name:string>")]),
        ("$[0]", ARRAY, [("id", "int"), ("tags", "array<string>")]),
        ("$.records[*]", '{"records": [{"a": 1}, {"b": "x"}], "more": 1}', [("a", "int"), ("b", "string")]),
        ("$['a b'].inner", '{"a b": {"inner": {"x": true}}}\n', [("x", "boolean")]),
        ("$.*", '{"one": {"x": 1}, "two": {"y": 2}}', [("x", "int"), ("y", "int")]),
        ("$.detail", '{"detail": {"x": 1}}\n{"detail": {"y": 2}}\n', [("x", "int"), ("y", "int")]),
        ("$", '{"x": 1}\n', [("x", "int")]),
    ],
)
def test_json_paths(classify, path, body, columns):
    table, found = classify(body, "JsonClassifier", JsonPath=path)
    assert found == columns
    assert (table["Parameters"]["classification"], table["Parameters"]["jsonPath"]) == ("json", path)


def test_an_array_longer_than_the_sample(classify):
    body = "[" + ",".join(f'{{"id": {number}, "text": "{"x" * 100}"}}' for number in range(20_000)) + "]"
    table, columns = classify(body, "JsonClassifier", JsonPath="$[*]")
    assert columns == [("id", "int"), ("text", "string")]
    assert 15_000 < int(table["Parameters"]["recordCount"]) < 25_000


def test_a_json_path_that_leads_nowhere_leaves_it_to_the_built_in_rules(classify):
    table, columns = classify('{"x": 1}\n', "JsonClassifier", JsonPath="$.none[*]")
    assert columns == [("x", "int")]
    assert "jsonPath" not in table["Parameters"]


def test_the_first_that_fits_is_taken(lake, glue):
    for number, names in enumerate((["a", "b", "c"], ["p", "q"], ["x", "y"])):
        glue.create_classifier(
            CsvClassifier={"Name": f"{lake.crawler}_{number}", "Header": names, "ContainsHeader": "ABSENT"}
        )
    lake.put("t/f.csv", "1,2\n3,4\n")
    lake.crawl("t/", Classifiers=[f"{lake.crawler}_{number}" for number in range(3)])
    assert lake.columns("t") == [("p", "bigint"), ("q", "bigint")]


def test_life_of_a_classifier(glue, lake):
    name = lake.crawler
    glue.create_classifier(CsvClassifier={"Name": name, "Delimiter": "|", "ContainsHeader": "PRESENT"})
    found = glue.get_classifier(Name=name)["Classifier"]["CsvClassifier"]
    created = found.pop("CreationTime")
    assert found.pop("LastUpdated") == created
    assert found == {"Name": name, "Delimiter": "|", "ContainsHeader": "PRESENT", "Version": 1}
    with pytest.raises(ClientError) as error:
        glue.create_classifier(CsvClassifier={"Name": name})
    assert code(error) == "AlreadyExistsException"
    with pytest.raises(ClientError, match="is not a JsonClassifier"):
        glue.update_classifier(JsonClassifier={"Name": name, "JsonPath": "$"})
    glue.update_classifier(CsvClassifier={"Name": name, "Delimiter": ";"})
    found = glue.get_classifier(Name=name)["Classifier"]["CsvClassifier"]
    assert (found["Delimiter"], found["ContainsHeader"], found["Version"]) == (";", "PRESENT", 2)
    assert {"CsvClassifier": found} in glue.get_classifiers()["Classifiers"]
    lake.put("t/f.txt", "a;b\nx;y\n")
    lake.crawl("t/", Classifiers=[name])
    assert lake.columns("t") == [("a", "string"), ("b", "string")]
    glue.delete_classifier(Name=name)
    last = lake.run()
    assert last["ErrorMessage"] == f"EntityNotFoundException: Classifier {name} is not found"
    for call in (glue.get_classifier, glue.delete_classifier):
        with pytest.raises(ClientError) as error:
            call(Name=name)
        assert code(error) == "EntityNotFoundException"


@pytest.mark.parametrize(
    ("given", "refused", "message"),
    [
        ({}, "InvalidInputException", "exactly one of"),
        (
            {"GrokClassifier": {"Name": "c", "Classification": "x", "GrokPattern": "%{WORD:a}"}},
            "NotSupportedByLocalAws",
            "A GrokClassifier is refused",
        ),
        ({"XMLClassifier": {"Name": "c", "Classification": "x"}}, "NotSupportedByLocalAws", "A XMLClassifier is"),
        ({"JsonClassifier": {"Name": "c", "JsonPath": "records"}}, "InvalidInputException", "JsonPath 'records'"),
        ({"JsonClassifier": {"Name": "c", "JsonPath": "$..a"}}, "InvalidInputException", "is not valid"),
        ({"CsvClassifier": {"Name": "c", "Delimiter": ",", "QuoteSymbol": ","}}, "InvalidInputException", "different"),
        ({"CsvClassifier": {"Name": "c", "CustomDatatypes": ["DECIMAL"]}}, "NotSupportedByLocalAws", "DECIMAL"),
        ({"CsvClassifier": {"Name": "c", "CustomDatatypes": ["NUMBER"]}}, "InvalidInputException", "NUMBER"),
    ],
)
def test_what_is_refused(glue, given, refused, message):
    with pytest.raises(ClientError, match=message) as error:
        glue.create_classifier(**given)
    assert code(error) == refused
