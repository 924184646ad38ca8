"""comfy-api-simplified: HOST PROMPT.json. Prints what it fetched as one line of JSON."""

import hashlib
import json
import sys
import tempfile
from pathlib import Path

from comfy_api_simplified import ComfyApiWrapper, ComfyWorkflowWrapper

host, file = sys.argv[1:]
api = ComfyApiWrapper(f"http://{host}")
workflow = ComfyWorkflowWrapper(file)


def draw(seed: int) -> list[str]:
    workflow.set_node_param("KSampler", "seed", seed)
    pictures = api.queue_and_wait_images(workflow, "Save Image")
    return [hashlib.sha256(content).hexdigest() for content in pictures.values()]


first, again = draw(31), draw(31)
with tempfile.TemporaryDirectory() as folder:
    picture = Path(folder) / "from simplified.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    upload = api.upload_image(picture, "clients")
facts = {
    "queue": api.get_queue(),
    "system": api.get_system_stats()["system"]["os"],
    "sampler": list(api.get_object_info("KSampler")),
    "embeddings": api.get_embeddings(),
}
api.interrupt()
print(json.dumps({"first": first, "again": again, "upload": upload, "facts": facts}))
