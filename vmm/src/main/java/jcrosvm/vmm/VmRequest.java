package jcrosvm.vmm;

import java.util.List;
import jcrosvm.base.io.Fd;
import jcrosvm.config.Value;

/**
 * Something that is asked of a running VM by name, as the control socket does.
 *
 * @param verb name of the request: {@code Powerbtn}, {@code DiskCommand}
 * @param body what stands under the name; null ({@link Value#ofNull}) for a request without fields
 * @param descriptors that came with it; they stay the caller's, to be closed when the reply is there
 */
public record VmRequest(String verb, Value body, List<Fd> descriptors) {
    public VmRequest {
        descriptors = List.copyOf(descriptors);
    }

    /** Without descriptors. */
    public VmRequest(String verb, Value body) {
        this(verb, body, List.of());
    }

    /** Without fields. */
    public VmRequest(String verb) {
        this(verb, Value.ofNull());
    }

    /** Whether it has no fields. */
    public boolean isUnit() {
        return body instanceof Value.Text text && text.form() == Value.Form.JSON_NULL;
    }
}
