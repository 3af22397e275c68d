// <EarshotRecorder> for React. It is handed React, so that this file needs no bundler and fits every version.

import "./earshot-recorder.js";

/** `recorderComponent(React)` is a component with the element's attributes and its events as properties. */
export function recorderComponent(React) {
  return function EarshotRecorder(properties) {
    const { sessionId, token, server, chunkSeconds, shared, raw } = properties;
    const { onRecordingStart, onRecordingStop, onChunkUploaded, onError } = properties;
    const element = React.useRef(null);
    const latest = React.useRef({});
    latest.current = { onRecordingStart, onRecordingStop, onChunkUploaded, onError };
    React.useEffect(() => {
      const listeners = {
        recordingstart: () => latest.current.onRecordingStart?.(),
        recordingstop: () => latest.current.onRecordingStop?.(),
        chunkstored: ({ detail }) => latest.current.onChunkUploaded?.(detail.chunkIndex),
        recordererror: ({ detail }) => latest.current.onError?.(detail.message),
      };
      const { current } = element;
      for (const [name, listener] of Object.entries(listeners)) current.addEventListener(name, listener);
      return () => {
        for (const [name, listener] of Object.entries(listeners)) current.removeEventListener(name, listener);
      };
    }, []);
    return React.createElement("earshot-recorder", {
      ref: element,
      "session-id": sessionId,
      token,
      server,
      "chunk-seconds": chunkSeconds,
      // Not as they are: before version 19, `false` would become an attribute that is there.
      shared: shared ? "" : undefined,
      raw: raw ? "" : undefined,
    });
  };
}
