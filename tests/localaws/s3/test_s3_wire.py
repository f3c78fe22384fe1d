"""What clients other than boto3 may send: the edges of HTTP and of S3's upload encodings."""

import base64
import hashlib
import http.client
import socket
import urllib.request
import zlib
from datetime import UTC, datetime, timedelta

import boto3
import botocore.session
import pytest
from botocore.config import Config

from localaws.s3.engine import SUBRESOURCES

SHA256_OF_NOTHING = hashlib.sha256(b"").hexdigest()


def ask(connection, method, path, body=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


@pytest.fixture
def talk(aws):
    """Sends bytes as they are and returns all that comes back until the server closes or falls silent."""

    def send(raw):
        host, _, port = aws.endpoint.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=2) as sock:
            sock.sendall(raw)
            received = b""
            try:
                while block := sock.recv(65536):
                    received += block
            except TimeoutError:
                pass
        return received

    return send


def test_a_connection_serves_many_requests_and_errors_leave_it_usable(connection, bucket):
    assert ask(connection, "PUT", f"/{bucket}/k", b"1")[0] == 200
    assert ask(connection, "PUT", "/no-such-bucket-here/k", b"x" * 100_000)[0] == 404
    assert ask(connection, "GET", f"/{bucket}/k")[:2] == (200, b"1")
    status, body, headers = ask(connection, "HEAD", f"/{bucket}/k")
    assert (status, body, headers["Content-Length"]) == (200, b"", "1")
    assert ask(connection, "DELETE", f"/{bucket}/k")[0] == 204
    assert ask(connection, "GET", f"/{bucket}/k")[0] == 404


def test_an_error_is_s3s_document(connection, bucket):
    status, body, headers = ask(connection, "GET", f"/{bucket}/no%20key")
    assert (status, headers["Content-Type"]) == (404, "application/xml")
    request_id = headers["x-amz-request-id"]
    assert body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
        "<Message>The specified key does not exist.</Message><Key>no key</Key>"
        f"<Resource>/{bucket}/no%20key</Resource><RequestId>{request_id}</RequestId><HostId>localaws</HostId></Error>"
    )


def test_metadata_in_utf8_comes_back_as_it_was_sent(connection, bucket):
    sent = "grün 💧".encode().decode("latin-1")
    assert ask(connection, "PUT", f"/{bucket}/k", b"1", x_amz_meta_colour=sent)[0] == 200
    assert ask(connection, "HEAD", f"/{bucket}/k")[2]["x-amz-meta-colour"] == sent


def test_a_body_in_http_chunks(connection, bucket):
    assert ask(connection, "PUT", f"/{bucket}/k", iter([b"abc", b"", b"defg"]))[0] == 200
    assert ask(connection, "GET", f"/{bucket}/k")[1] == b"abcdefg"


def aws_chunks(body, size, trailer=""):
    raw = b""
    for at in range(0, len(body), size):
        piece = body[at : at + size]
        raw += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(piece), b"0" * 64, piece)
    return raw + b"0;chunk-signature=" + b"0" * 64 + b"\r\n" + trailer.encode() + b"\r\n"


def test_an_aws_chunked_body_is_decoded(connection, bucket):
    body = bytes(range(256)) * 1000
    status, _, _ = ask(
        connection,
        "PUT",
        f"/{bucket}/k",
        aws_chunks(body, 65536),
        x_amz_content_sha256="STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        x_amz_decoded_content_length=str(len(body)),
        content_encoding="aws-chunked,gzip",
    )
    assert status == 200
    status, got, headers = ask(connection, "GET", f"/{bucket}/k")
    assert (got == body, headers["Content-Encoding"]) == (True, "gzip")


@pytest.mark.parametrize("right", [True, False])
def test_a_trailing_checksum_is_verified(connection, bucket, right):
    body = b"hello" * 1000
    checksum = base64.b64encode(zlib.crc32(body if right else b"other").to_bytes(4, "big")).decode()
    status, answer, headers = ask(
        connection,
        "PUT",
        f"/{bucket}/k",
        aws_chunks(body, 8192, f"x-amz-checksum-crc32:{checksum}\r\n"),
        x_amz_content_sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        x_amz_decoded_content_length=str(len(body)),
        x_amz_trailer="x-amz-checksum-crc32",
    )
    if right:
        assert (status, headers["x-amz-checksum-crc32"]) == (200, checksum)
    else:
        assert (status, b"<Code>BadDigest</Code>" in answer) == (400, True)
        assert ask(connection, "HEAD", f"/{bucket}/k")[0] == 404


def test_a_short_aws_chunked_body_is_refused(connection, bucket):
    status, answer, _ = ask(
        connection,
        "PUT",
        f"/{bucket}/k",
        aws_chunks(b"abc", 3),
        x_amz_content_sha256="STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        x_amz_decoded_content_length="4",
    )
    assert (status, b"<Code>IncompleteBody</Code>" in answer) == (400, True)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content_md5": base64.b64encode(hashlib.md5(b"other").digest()).decode()}, "BadDigest"),
        ({"content_md5": "not base64"}, "InvalidDigest"),
        ({"x_amz_content_sha256": SHA256_OF_NOTHING}, "XAmzContentSHA256Mismatch"),
        ({"x_amz_checksum_crc32c": "AAAAAA=="}, "BadDigest"),
        ({"x_amz_checksum_crc64nvme": "AAAAAAAAAAA="}, "BadDigest"),
        ({"x_amz_checksum_crc32": "AAAAAA==", "x_amz_checksum_sha1": "AAAA"}, "InvalidRequest"),
    ],
)
def test_a_body_that_is_not_what_was_signed_is_refused(connection, bucket, headers, code):
    status, answer, _ = ask(connection, "PUT", f"/{bucket}/k", b"123456789", **headers)
    assert (status, f"<Code>{code}</Code>" in answer.decode()) == (400, True)
    assert ask(connection, "HEAD", f"/{bucket}/k")[0] == 404


@pytest.mark.parametrize(("name", "value"), [("crc32c", "4waSgw=="), ("crc64nvme", "rosUhgp5mIg=")])
def test_checksums_that_python_lacks(connection, bucket, name, value):
    # The published check values of the two algorithms, for "123456789".
    status, _, headers = ask(connection, "PUT", f"/{bucket}/k", b"123456789", **{f"x_amz_checksum_{name}": value})
    assert (status, headers[f"x-amz-checksum-{name}"]) == (200, value)


def test_the_bucket_may_stand_in_the_host(connection, bucket):
    ask(connection, "PUT", f"/{bucket}/a/b", b"1")
    for host in (f"{bucket}.localhost", f"{bucket}.s3.localhost:1234"):
        assert ask(connection, "GET", "/a/b", Host=host)[1] == b"1"
        assert b"<Key>a/b</Key>" in ask(connection, "GET", "/?list-type=2", Host=host)[1]


def test_a_foreign_host_is_refused(connection, bucket):
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example"):
        assert ask(connection, "GET", f"/{bucket}", Host=host)[0] == 403
    assert ask(connection, "GET", f"/{bucket}", Host="[::1]:80")[0] == 200


def presigned(aws, operation, seconds=60, **parameters):
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=aws.endpoint, config=Config(signature_version="s3v4"), **keys)
    return client.generate_presigned_url(operation, Params=parameters, ExpiresIn=seconds)


def test_presigned_urls(aws, bucket):
    put = presigned(aws, "put_object", Bucket=bucket, Key="a b")
    urllib.request.urlopen(urllib.request.Request(put, data=b"1", method="PUT")).close()
    get = presigned(
        aws, "get_object", Bucket=bucket, Key="a b", ResponseContentType="text/x", ResponseContentDisposition="x"
    )
    with urllib.request.urlopen(get) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (b"1", "text/x")
        assert answer.headers["Content-Disposition"] == "x"


def test_an_expired_presigned_url_is_denied(aws, bucket, connection):
    url = presigned(aws, "get_object", Bucket=bucket, Key="k").removeprefix(aws.endpoint)
    signed = url.partition("X-Amz-Date=")[2][:16]
    old = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y%m%dT%H%M%SZ")
    status, body, _ = ask(connection, "GET", url.replace(signed, old))
    assert (status, b"Request has expired" in body) == (403, True)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GARBAGE\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nfolded : x\r\n\r\n", b"400"),
        (b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"501"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 300 + b"\r\n", b"431"),
        (b"PUT /xyz/k HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"404"),
    ],
)
def test_malformed_requests_are_answered_and_the_connection_ends(talk, raw, status):
    assert talk(raw).split(b" ", 2)[1] == status


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_a_part_of_an_object_that_is_not_known_is_not_the_object(connection, bucket, method):
    ask(connection, "PUT", f"/{bucket}/k", b"1")
    status, body, _ = ask(connection, method, f"/{bucket}/k?somethingNew", b"2")
    assert (status, b"<Code>NotSupportedByLocalAws</Code>" in body) == (501, True)
    assert ask(connection, "GET", f"/{bucket}/k")[1] == b"1"


def test_what_is_asked_for_in_a_header_cannot_add_another(connection, bucket):
    ask(connection, "PUT", f"/{bucket}/k", b"1")
    _, _, headers = ask(connection, "GET", f"/{bucket}/k?response-content-type=a%0d%0ax-evil:%201")
    assert (headers["Content-Type"], headers["x-evil"]) == ("a  x-evil: 1", None)


def test_a_form_may_be_put_without_a_signature(connection, bucket):
    assert ask(connection, "PUT", f"/{bucket}/k", b"a=b", Content_Type="application/x-www-form-urlencoded")[0] == 200
    assert ask(connection, "GET", f"/{bucket}/k")[1] == b"a=b"


def test_every_part_that_botocore_knows_is_known():
    model = botocore.session.get_session().get_service_model("s3")
    uris = [model.operation_model(name).http["requestUri"] for name in model.operation_names]
    parts = {part.partition("=")[0] for uri in uris for part in uri.partition("?")[2].split("&") if part}
    assert parts - SUBRESOURCES == {"list-type", "select-type", "id"} & parts


def test_a_client_that_waits_is_told_to_continue_only_when_it_should_send(talk, bucket):
    head = "PUT /{}/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"
    head += "Connection: close\r\n\r\n"
    assert talk(head.format("no-such-bucket-here").encode()).startswith(b"HTTP/1.1 404")
    answer = talk(head.format(bucket).encode() + b"abc")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_a_body_that_breaks_off_leaves_nothing(aws, talk, connection, bucket):
    head = f"PUT /{bucket}/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc"
    host, _, port = aws.endpoint.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=2) as sock:
        sock.sendall(head.encode())
        sock.shutdown(socket.SHUT_WR)
        assert b"<Code>IncompleteBody</Code>" in sock.recv(65536)
    assert ask(connection, "HEAD", f"/{bucket}/k")[0] == 404
    assert list((aws.store.root / "tmp").iterdir()) == []


def test_http_1_0_is_answered_and_closed(talk, connection, bucket):
    ask(connection, "PUT", f"/{bucket}/k", b"1")
    answer = talk(f"GET /{bucket}/k HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    assert (answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer.endswith(b"\r\n\r\n1")) == (True, True)


def test_pipelined_requests_are_answered_in_order(talk, connection, bucket):
    ask(connection, "PUT", f"/{bucket}/k", b"first")
    ask(connection, "PUT", f"/{bucket}/l", b"second")
    last = f"GET /{bucket}/l HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = talk(f"GET /{bucket}/k HTTP/1.1\r\nHost: localhost\r\n\r\n{last}".encode())
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.index(b"first") < answer.index(b"second")


def test_a_key_that_is_not_utf8_or_too_long_is_refused(connection, bucket):
    status, body, _ = ask(connection, "PUT", f"/{bucket}/%ff", b"")
    assert (status, b"<Code>InvalidURI</Code>" in body) == (400, True)
    status, body, _ = ask(connection, "PUT", f"/{bucket}/{'x' * 1025}", b"")
    assert (status, b"<Code>KeyTooLongError</Code>" in body) == (400, True)


@pytest.mark.parametrize("body", [b"<Delete>", b"<Other/>", b"<Delete></Delete>", b"\x00"])
def test_a_document_that_is_not_s3s_is_refused(connection, bucket, body):
    status, answer, _ = ask(connection, "POST", f"/{bucket}?delete", body)
    assert (status, b"<Code>MalformedXML</Code>" in answer) == (400, True)


def test_large_answers_arrive_whole_and_a_reader_may_leave(aws, store_file, connection, bucket):
    aws.store.put(bucket, "big", store_file(3_000_001))
    status, body, headers = ask(connection, "GET", f"/{bucket}/big")
    assert (status, len(body), headers["Content-Length"]) == (200, 3_000_001, "3000001")
    assert hashlib.md5(body).hexdigest() == headers["ETag"].strip('"')
    leaver = http.client.HTTPConnection(aws.endpoint.removeprefix("http://"))
    leaver.request("GET", f"/{bucket}/big")
    leaver.getresponse().read(10)
    leaver.close()
    assert ask(connection, "GET", f"/{bucket}/big", Range="bytes=5-6")[1] == body[5:7]


@pytest.fixture
def store_file(aws):
    def make(size):
        path = aws.store.temporary()
        block = bytes(range(251))
        path.write_bytes((block * (size // len(block) + 1))[:size])
        return path

    return make
