//! What the conformance suite of the Model Context Protocol asks of a server, as one plugin.
//!
//! Names, texts and schemas are the suite's own; each file holds what belongs together. Two
//! tools are not of the suite: `test_open_page` and `test_trigger_resource_update`.

mod asking;
mod content;
mod forms;
mod progress;
mod prompts;
mod resources;
mod rounds;
mod schemas;
mod tasks;

use asking::{test_elicitation, test_missing_capability, test_open_page, test_sampling, test_streaming_elicitation};
use content::{
    test_audio_content, test_embedded_resource, test_error_handling, test_image_content, test_multiple_content_types,
    test_simple_text,
};
use forms::{test_elicitation_sep1034_defaults, test_elicitation_sep1330_enums};
use progress::{
    test_logging_tool, test_reconnection, test_tool_with_logging, test_tool_with_progress, test_trigger_prompt_change,
    test_trigger_resource_update, test_trigger_tool_change,
};
use prompts::{
    test_input_required_result_prompt, test_prompt_with_arguments, test_prompt_with_embedded_resource,
    test_prompt_with_image, test_simple_prompt,
};
use resources::{static_binary, static_text, template_data, watched_resource};
use rounds::{
    test_input_required_result_capabilities, test_input_required_result_elicitation,
    test_input_required_result_list_roots, test_input_required_result_multi_round,
    test_input_required_result_multiple_inputs, test_input_required_result_request_state,
    test_input_required_result_sampling, test_input_required_result_tampered_state,
};
use schemas::{json_schema_2020_12_tool, test_custom_header};
use tasks::{confirm_delete, failing_job, greet, multi_input, protocol_error_job, slow_compute, test_tool_with_task};
use toolhost_sdk::{plugin, skill};

plugin! {
    // The suite calls the first tool of the list with no arguments.
    tools: [
        test_simple_text,
        test_image_content,
        test_audio_content,
        test_embedded_resource,
        test_multiple_content_types,
        test_error_handling,
        test_tool_with_logging,
        test_tool_with_progress,
        test_logging_tool,
        test_reconnection,
        test_trigger_tool_change,
        test_trigger_prompt_change,
        test_trigger_resource_update,
        test_sampling,
        test_elicitation,
        test_missing_capability,
        test_streaming_elicitation,
        test_open_page,
        test_elicitation_sep1034_defaults,
        test_elicitation_sep1330_enums,
        test_input_required_result_elicitation,
        test_input_required_result_sampling,
        test_input_required_result_list_roots,
        test_input_required_result_request_state,
        test_input_required_result_tampered_state,
        test_input_required_result_multiple_inputs,
        test_input_required_result_multi_round,
        test_input_required_result_capabilities,
        json_schema_2020_12_tool,
        test_custom_header,
        greet,
        slow_compute,
        failing_job,
        protocol_error_job,
        confirm_delete,
        multi_input,
        test_tool_with_task,
    ],
    resources: [static_text, static_binary, watched_resource, template_data],
    prompts: [
        test_simple_prompt,
        test_prompt_with_arguments,
        test_prompt_with_embedded_resource,
        test_prompt_with_image,
        test_input_required_result_prompt,
    ],
    skills: [skill!("skills/release-notes"), skill!("skills/data/query-review")],
}
