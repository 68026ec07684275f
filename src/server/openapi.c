/* GET /openapi.json: what is served, from the tables that serve it. */
#include <stdio.h>
#include <string.h>

#include "server/ask.h"
#include "server/routes.h"
#include "server/state.h"
#include "trit/trit.h"

static void put_param(trit_jsonw *w, const trit_param *p) {
    static const char *const types[] = {[trit_param_flag] = "boolean", [trit_param_count] = "integer", [trit_param_whole] = "integer",
                                        [trit_param_real] = "number"};
    trit_jsonw_key(w, p->name);
    trit_jsonw_object(w);
    if (p->schema) {
        trit_jsonw_key(w, "allOf");
        trit_jsonw_array(w);
        trit_jsonw_verbatim(w, p->schema);
        trit_jsonw_close(w, ']');
    } else {
        trit_jsonw_put_str(w, "type", types[p->kind]);
    }
    if (!p->schema && p->kind != trit_param_flag) {
        trit_jsonw_put_f64(w, "minimum", p->least);
        trit_jsonw_put_f64(w, "maximum", p->most);
    }
    trit_jsonw_put_str(w, "description", p->text);
    trit_jsonw_close(w, '}');
}

static void put_body(trit_jsonw *w, const trit_route *route) {
    trit_jsonw_key(w, "requestBody");
    trit_jsonw_object(w);
    trit_jsonw_put_bool(w, "required", true);
    trit_jsonw_key(w, "content");
    trit_jsonw_object(w);
    trit_jsonw_key(w, "application/json");
    trit_jsonw_object(w);
    trit_jsonw_key(w, "schema");
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "type", "object");
    trit_jsonw_key(w, "required");
    trit_jsonw_verbatim(w, route->required);
    trit_jsonw_key(w, "allOf");
    trit_jsonw_array(w);
    trit_jsonw_object(w);
    trit_jsonw_key(w, "properties");
    trit_jsonw_verbatim(w, route->members);
    trit_jsonw_close(w, '}');
    trit_jsonw_object(w);
    trit_jsonw_key(w, "properties");
    trit_jsonw_object(w);
    trit_jsonw_key(w, "model");
    trit_jsonw_verbatim(w, "{\"type\": \"string\", \"description\": \"without it, the first\"}");
    for (size_t i = 0; i < trit_n_params; i++)
        if (trit_params[i].routes & route->params) put_param(w, &trit_params[i]);
    for (unsigned k = 0; k < 2; k++) trit_jsonw_close(w, '}');
    trit_jsonw_close(w, ']');
    for (unsigned k = 0; k < 4; k++) trit_jsonw_close(w, '}');
}

static void put_answer(trit_jsonw *w, const char *status, const char *what, const char *type, const char *schema) {
    trit_jsonw_key(w, status);
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "description", what);
    trit_jsonw_key(w, "content");
    trit_jsonw_object(w);
    trit_jsonw_key(w, type);
    trit_jsonw_verbatim(w, schema);
    trit_jsonw_close(w, '}');
    trit_jsonw_close(w, '}');
}

static void put_route(trit_jsonw *w, const trit_route *route) {
    char method[8] = "";
    for (size_t i = 0; route->method[i] && i + 1 < sizeof method; i++) method[i] = trit_ascii_lower(route->method[i]);
    trit_jsonw_key(w, method);
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "summary", route->summary);
    if (route->access == trit_route_keyed) {
        trit_jsonw_key(w, "security");
        trit_jsonw_verbatim(w, "[{\"key\": []}]");
    }
    if (strchr(route->path, '{')) {
        trit_jsonw_key(w, "parameters");
        trit_jsonw_verbatim(w, "[{\"name\": \"model\", \"in\": \"path\", \"required\": true, \"schema\": {\"type\": \"string\"}}]");
    }
    if (route->members) put_body(w, route);
    trit_jsonw_key(w, "responses");
    trit_jsonw_object(w);
    put_answer(w, "200", "the answer", route->type, "{}");
    put_answer(w, "default", "why there is none", "application/json", "{\"schema\": {\"$ref\": \"#/components/schemas/Error\"}}");
    trit_jsonw_close(w, '}');
    trit_jsonw_close(w, '}');
}

/* Routes of one path stand beside each other in the table. */
static void put_paths(trit_jsonw *w) {
    trit_jsonw_key(w, "paths");
    trit_jsonw_object(w);
    for (size_t i = 0; i < trit_n_routes;) {
        const char *path = trit_routes[i].path;
        trit_jsonw_key(w, path);
        trit_jsonw_object(w);
        for (; i < trit_n_routes && strcmp(trit_routes[i].path, path) == 0; i++) put_route(w, &trit_routes[i]);
        trit_jsonw_close(w, '}');
    }
    trit_jsonw_close(w, '}');
}

static void put_components(trit_jsonw *w) {
    trit_jsonw_key(w, "components");
    trit_jsonw_object(w);
    trit_jsonw_key(w, "securitySchemes");
    trit_jsonw_verbatim(w, "{\"key\": {\"type\": \"http\", \"scheme\": \"bearer\"}}");
    trit_jsonw_key(w, "schemas");
    trit_jsonw_object(w);
    trit_jsonw_key(w, "Error");
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "type", "object");
    trit_jsonw_key(w, "properties");
    trit_jsonw_object(w);
    trit_jsonw_key(w, "error");
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "type", "object");
    trit_jsonw_key(w, "properties");
    trit_jsonw_object(w);
    trit_jsonw_key(w, "message");
    trit_jsonw_verbatim(w, "{\"type\": \"string\"}");
    trit_jsonw_key(w, "type");
    trit_jsonw_verbatim(w, "{\"type\": \"string\"}");
    trit_jsonw_key(w, "param");
    trit_jsonw_verbatim(w, "{\"type\": [\"string\", \"null\"]}");
    trit_jsonw_key(w, "code");
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "type", "string");
    trit_jsonw_key(w, "oneOf");
    trit_jsonw_array(w);
    for (size_t i = 0; i < trit_n_refusals; i++) {
        trit_jsonw_object(w);
        trit_jsonw_put_str(w, "const", trit_refusal_rows[i].code);
        trit_jsonw_put_str(w, "description", trit_refusal_rows[i].meaning);
        trit_jsonw_close(w, '}');
    }
    trit_jsonw_close(w, ']');
    for (unsigned k = 0; k < 7; k++) trit_jsonw_close(w, '}');
}

bool trit_serve_openapi(trit_server *s, trit_exchange *x, trit_refusal *r) {
    trit_jsonw w = {0};
    (void)s;
    (void)r;
    trit_jsonw_object(&w);
    trit_jsonw_put_str(&w, "openapi", "3.1.0");
    trit_jsonw_key(&w, "info");
    trit_jsonw_object(&w);
    trit_jsonw_put_str(&w, "title", "trit serve");
    trit_jsonw_put_str(&w, "version", trit_version());
    trit_jsonw_close(&w, '}');
    put_paths(&w);
    put_components(&w);
    trit_jsonw_close(&w, '}');
    trit_answer_json(x, 200, &w);
    return true;
}
