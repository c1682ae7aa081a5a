"""Answers that are noise, and answers that end in the middle."""

import json
import secrets
from typing import Any

from aiohttp import web

from scs_rack.lab.bmc.redfish.routes import Reply


def _twisted(value: Any) -> Any:
    """The same shape with other types."""
    if isinstance(value, dict):
        return {key: _twisted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return {"0": value[0]} if value else None
    if isinstance(value, str):
        return [value]
    return str(value)


async def spoil(request: web.BaseRequest, reply: Reply, *, garbage: bool) -> web.StreamResponse:
    """Send an answer that no client can use."""
    whole = json.dumps(reply.body if reply.body is not None else {"ok": True}).encode()
    if garbage:
        noise = (
            b"<html><body><h1>500</h1>\x00\xff" + secrets.token_bytes(64),
            json.dumps(_twisted(reply.body)).encode(),
            b'{"a": ' * 200,
            secrets.token_bytes(512),
        )
        return web.Response(status=200, body=secrets.choice(noise), headers={"Content-Type": "application/json"})
    response = web.StreamResponse(status=reply.status if reply.status != 204 else 200)
    response.content_length = len(whole)
    response.content_type = "application/json"
    await response.prepare(request)
    await response.write(whole[: len(whole) // 2])
    if request.transport:
        request.transport.close()
    return response
