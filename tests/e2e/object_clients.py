"""Runs in the manager's namespace: uses object storage as a customer does, with clients that others wrote.

Prints one JSON object: what each step saw. Reads the clouds file that OS_CLIENT_CONFIG_FILE names.
"""

import io
import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import boto3
import openstack
from botocore.client import Config
from botocore.exceptions import ClientError

PART = 5 << 20
"""Bytes of a part but the last; S3 takes no smaller ones."""


def s3_client(endpoint: str, access: str, secret: str, ca_file: str) -> Any:
    """A client of S3 with signatures of version 4."""
    # everything else is as boto3 does it by itself: bodies in signed pieces, with checksums after them
    config = Config(signature_version="s3v4", s3={"addressing_style": "path"})
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        region_name="lab",
        verify=ca_file,
        config=config,
    )


def fetch(url: str, ca_file: str, data: bytes | None = None) -> tuple[int, bytes]:
    """GET a URL, or PUT data to it, without any credentials but those in the URL."""
    request = urllib.request.Request(url, data=data, method="PUT" if data is not None else "GET")
    context = ssl.create_default_context(cafile=ca_file)
    try:
        with urllib.request.urlopen(request, context=context, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


def refused(call: Any, **arguments: Any) -> str:
    """Code of the error that a call of boto3 ends with."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "accepted"


def use_s3(s3: Any, ca_file: str) -> dict[str, Any]:
    """Make a bucket, put, list, get, presign, upload in parts, and remove all of it."""
    name = f"scs-rack-{os.urandom(6).hex()}"
    body = os.urandom(100_000)
    seen: dict[str, Any] = {}
    s3.create_bucket(Bucket=name)
    try:
        s3.put_object(Bucket=name, Key="a/b ü", Body=io.BytesIO(body), Metadata={"made-by": "test"})
        seen["list"] = [(one["Key"], one["Size"]) for one in s3.list_objects_v2(Bucket=name)["Contents"]]
        got = s3.get_object(Bucket=name, Key="a/b ü")
        seen["same"] = got["Body"].read() == body
        seen["metadata"] = got["Metadata"]
        seen["buckets"] = name in {one["Name"] for one in s3.list_buckets()["Buckets"]}

        url = s3.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "a/b ü"}, ExpiresIn=300)
        seen["presigned"] = fetch(url, ca_file) == (200, body)
        seen["presigned, spoilt"] = fetch(url[:-1] + ("0" if url[-1] != "0" else "1"), ca_file)[0]
        put = s3.generate_presigned_url("put_object", Params={"Bucket": name, "Key": "put"}, ExpiresIn=300)
        seen["presigned put"] = fetch(put, ca_file, b"by a friend")[0]
        seen["put by a friend"] = s3.get_object(Bucket=name, Key="put")["Body"].read().decode()
        parts = urlsplit(url)
        seen["anonymous"] = fetch(f"{parts.scheme}://{parts.netloc}{parts.path}", ca_file)[0]

        upload = s3.create_multipart_upload(Bucket=name, Key="large")["UploadId"]
        pieces = [os.urandom(PART), os.urandom(1000)]
        tags = [
            {
                "PartNumber": number,
                "ETag": s3.upload_part(Bucket=name, Key="large", PartNumber=number, UploadId=upload, Body=piece)[
                    "ETag"
                ],
            }
            for number, piece in enumerate(pieces, 1)
        ]
        s3.complete_multipart_upload(Bucket=name, Key="large", UploadId=upload, MultipartUpload={"Parts": tags})
        seen["multipart"] = s3.get_object(Bucket=name, Key="large")["Body"].read() == b"".join(pieces)
        seen["range"] = s3.get_object(Bucket=name, Key="large", Range="bytes=5-9")["Body"].read() == pieces[0][5:10]
    finally:
        for one in s3.list_objects_v2(Bucket=name).get("Contents", []):
            s3.delete_object(Bucket=name, Key=one["Key"])
        s3.delete_bucket(Bucket=name)
    seen["gone"] = refused(s3.head_bucket, Bucket=name)
    return seen


def use_swift(cloud: Any, s3: Any) -> dict[str, Any]:
    """Make a container, put, list, get, see it by S3, and remove it."""
    name = f"scs-rack-{os.urandom(6).hex()}"
    body = os.urandom(50_000)
    seen: dict[str, Any] = {}
    store = cloud.object_store
    store.create_container(name)
    try:
        store.upload_object(container=name, name="one", data=body)
        seen["list"] = [one.name for one in store.objects(name)]
        seen["same"] = store.download_object("one", container=name) == body
        seen["containers"] = name in {one.name for one in store.containers()}
        seen["by S3"] = s3.get_object(Bucket=name, Key="one")["Body"].read() == body
    finally:
        store.delete_object("one", container=name, ignore_missing=True)
        store.delete_container(name, ignore_missing=True)
    seen["gone"] = name not in {one.name for one in store.containers()}
    return seen


def main(ca_file: str) -> None:
    """Use both APIs as the test user, a plain member of a project, with credentials that live as long as this."""
    cloud = openstack.connect(cloud="test")
    token = cloud.session.auth.get_access(cloud.session)
    endpoint = cloud.object_store.get_endpoint()
    user = f"/users/{token.user_id}/credentials/OS-EC2"
    pair = cloud.identity.post(user, json={"tenant_id": token.project_id}).json()["credential"]
    root = "{0.scheme}://{0.netloc}".format(urlsplit(endpoint))
    s3 = s3_client(root, pair["access"], pair["secret"], ca_file)
    try:
        seen = {
            "roles": sorted(token.role_names),
            "endpoint": endpoint == f"{root}/swift/v1/AUTH_{token.project_id}",
            "s3": use_s3(s3, ca_file),
            "swift": use_swift(cloud, s3),
            "wrong secret": refused(s3_client(root, pair["access"], "wrong", ca_file).list_buckets),
            "unknown key": refused(s3_client(root, "0" * 32, pair["secret"], ca_file).list_buckets),
        }
    finally:
        cloud.identity.delete(f"{user}/{pair['access']}")
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1])
