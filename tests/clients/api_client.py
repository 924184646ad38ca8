"""comfyui-api-client: HOST PROMPT.json. Prints what it saw and fetched as one line of JSON."""

import hashlib
import importlib.util
import json
import logging
import sys
import types
from pathlib import Path

# The package imports itself by the name `api`, which its wheel does not install.
found = importlib.util.find_spec("comfyui_api_client")
assert found is not None
assert found.submodule_search_locations is not None
alias = types.ModuleType("api")
alias.__path__ = list(found.submodule_search_locations)
sys.modules["api"] = alias

from api import api_helpers, websocket_api  # noqa: E402

logging.disable(logging.CRITICAL)
host, file = sys.argv[1:]
prompt = json.loads(Path(file).read_text())
seen: list[str] = []


class Heard(logging.Handler):
    """The client tells of progress in its log alone."""

    def emit(self, record: logging.LogRecord) -> None:
        seen.append(record.getMessage())


logging.disable(logging.NOTSET)
logging.getLogger().handlers = [Heard()]


def draw(seed: int) -> list[str]:
    prompt["sampler"]["inputs"]["seed"] = seed
    socket, _, client = api_helpers.open_websocket_connection(host)
    queued = websocket_api.queue_prompt(prompt, client, host)
    api_helpers.track_progress(prompt, socket, queued["prompt_id"])
    socket.close()
    images = api_helpers.get_images(queued["prompt_id"], host)
    return [hashlib.sha256(one["image_data"]).hexdigest() for one in images]


first = draw(41)
progress = [one for one in seen if one.startswith("In K-Sampler")]
again = draw(41)
picture = Path(file).with_name("from api client.png")
picture.write_bytes(b"\x89PNG\r\n\x1a\n")
upload = websocket_api.upload_image(str(picture), "from api client.png", host, "me", overwrite=True)
facts = {"sampler": list(websocket_api.get_node_info_by_class("KSampler", host))}
print(json.dumps({"first": first, "again": again, "progress": progress, "upload": upload, "facts": facts}))
